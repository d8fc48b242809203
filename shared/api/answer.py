"""The bytes that a gateway answers, read as a value or as the error that they name."""

from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import TypeAdapter

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import FILE, decode_json
from shared.decoding.model import read_value
from shared.domain.errors import MeridianError, Unavailable, from_code

R = TypeVar("R")

PROBLEM: Final = frozenset({"type", "title", "status"})
"""Members of every problem document; they say nothing that its code does not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: its status, its body, and the address that gave it."""

    status: int
    content: bytes
    url: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 (RFC 9110, section 15.3)


class ConnectionFailed(Exception):
    """No gateway answered; *is_misaddressed* says that no address of this form ever gives one."""

    def __init__(self, message: str, *, is_misaddressed: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_misaddressed = is_misaddressed


def read_answer(answer: Answer, adapter: TypeAdapter[R]) -> R:
    """The value of *answer*.

    Raises:
        Unavailable: what answered is no gateway.
        MeridianError: the site refused; it is the error that the answer names.
    """
    if not answer.is_success:
        raise refusal(answer)
    try:
        return read_value(adapter, decode_json(answer.content, FILE))
    except Undecodable as error:
        raise Unavailable(
            f"what answers at {answer.url} speaks another protocol: {error.message}"
        ) from error


def refusal(answer: Answer) -> MeridianError:
    """The error that *answer*, a problem document, names."""
    sentence = f"the site answered {answer.status}"
    try:
        body = decode_json(answer.content, FILE)
    except Undecodable:
        return Unavailable(sentence)
    attributes: dict[str, object] = dict(body) if isinstance(body, dict) else {}
    code = str(attributes.pop("code", MeridianError.code))
    message = str(attributes.pop("detail", sentence))
    known = {name: attributes[name] for name in attributes.keys() - PROBLEM}
    return from_code(code, message, **known)
