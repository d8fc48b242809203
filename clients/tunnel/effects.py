"""The effects of one end of a tunnel, to be performed in order.

`Send` and `CloseLink` go to the links; the others report what happened. The order must be kept even
when performing one effect causes others.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from shared.domain.ids import PathGeneration

LinkId = NewType("LinkId", int)
"""One READY connection over a path; never used twice."""

StreamId = NewType("StreamId", int)
"""One forwarded connection; 1, 2, 3 and so on, never used twice."""


class EndCode(StrEnum):
    """The reason for the end of a tunnel."""

    CLOSED = "closed"
    WRONG_WORDS = "wrong_words"
    KEY_BURNT = "key_burnt"
    SECURED_ELSEWHERE = "secured_elsewhere"
    BAD_OFFSET = "bad_offset"
    BAD_STREAM = "bad_stream"
    EXPIRED = "expired"
    OUT_OF_REACH = "out_of_reach"


@dataclass(frozen=True, slots=True)
class Send:
    """Write *data* to *link*, after everything sent to it before."""

    link: LinkId
    data: bytes | bytearray


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close *link* after everything sent to it; nothing that it receives later counts."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class Secured:
    """Both ends hold the same secret, from words, which are erased now, or without words.

    *code* is for people to compare when there were no words; until they have, the session trusts
    the site.
    """

    code: str = ""


@dataclass(frozen=True, slots=True)
class WordsDiffer:
    """Run *run* of *allowed* showed that the other end has other words."""

    run: int
    allowed: int


@dataclass(frozen=True, slots=True)
class SecretUnknown:
    """The other end claims that it does not hold the session's secret; the claim is not proven."""


@dataclass(frozen=True, slots=True)
class PathUp:
    """The tunnel runs over path *generation*, *seconds* after it last did; 0 for the first."""

    generation: PathGeneration
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PathLost:
    """The tunnel has no path; it loses nothing and waits for the next path."""

    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class Ended:
    """The tunnel is over for good; close every link after everything that was sent to it."""

    code: EndCode
    message: str
    by_peer: bool


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The other end opened *stream*."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamRefused:
    """The other end opened *stream* beyond the limit; it was reset at once."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamData:
    """Bytes of *stream*; call `consumed` when they are delivered."""

    stream: StreamId
    data: memoryview


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """The other end sends no more on *stream*; it may still receive."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamReset:
    """*stream* broke at the other end."""

    stream: StreamId
    reason: str


@dataclass(frozen=True, slots=True)
class StreamWritable:
    """*stream* takes bytes again."""

    stream: StreamId


StreamEffect = (
    StreamOpened | StreamRefused | StreamData | StreamFinished | StreamReset | StreamWritable
)
PathEffect = Secured | WordsDiffer | SecretUnknown | PathUp | PathLost | Ended
Effect = Send | CloseLink | PathEffect | StreamEffect
Effects = tuple[Effect, ...]
