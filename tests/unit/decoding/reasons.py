"""What a decoder says of something: nothing when it gives a value, else the refusal's reason."""

from collections.abc import Callable
from typing import TypeVar

from shared.decoding.errors import Undecodable

T = TypeVar("T")


def reason_of(decode: Callable[[T], object], data: T) -> str | None:
    """Decode *data*; any exception but `Undecodable` goes through."""
    try:
        decode(data)
    except Undecodable as error:
        return error.reason
    return None
