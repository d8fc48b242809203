"""What a fuzz target is: one entry that outside input comes in by, and how it may refuse it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.decoding.errors import MeridianError

SEPARATOR = b"\x1e"
"""Between the parts of an input, where a decoder takes several; JSON never holds it as it is."""


class Dropped(Exception):
    """The adapter passed the input over without an exception; the message is a word for counting.

    A target raises it where its adapter answers a refusal by a value, such as None.
    """


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder, or one adapter's entry.

    *decode* gives a value or raises one of *refuses*; *covers* are the functions that it tests, as
    `module:Class.method`, and branches are counted in what these reach within their modules.
    *reasons* are the words for a refusal that its *corpus* reaches, all of them. *slow* says why
    fewer than a million executions are expected of it; *beside* are methods that have the name of
    one that is called, and are not meant.
    """

    name: str
    decode: Callable[[bytes], object]
    corpus: Callable[[], Iterable[bytes]]
    covers: tuple[str, ...]
    reasons: frozenset[str]
    refuses: tuple[type[Exception], ...] = (MeridianError,)
    slow: str = ""
    beside: tuple[str, ...] = ()


def reason_of(error: Exception) -> str:
    """The word under which a refusal is counted."""
    if isinstance(error, MeridianError):
        return str(error.attributes.get("reason", error.code))
    return str(error) if isinstance(error, Dropped) else type(error).__name__


def parts(data: bytes, count: int) -> list[bytes]:
    """*data* as that many parts; the last ones are empty where it has fewer."""
    found = data.split(SEPARATOR, count - 1)
    return found + [b""] * (count - len(found))


def text_of(data: bytes) -> str:
    """*data* as the libraries in front of us hand text on: whatever its bytes are."""
    return data.decode("utf-8", "surrogateescape")
