"""What one end of a tunnel wants done, in order.

`Send` and `CloseLink` go to the links; the others tell what happened. Whoever performs them keeps
their order, also when performing one leads to more.
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
    """Why a tunnel is over."""

    CLOSED = "closed"
    WRONG_WORDS = "wrong_words"
    KEY_BURNT = "key_burnt"
    SECURED_ELSEWHERE = "secured_elsewhere"
    BAD_OFFSET = "bad_offset"
    BAD_STREAM = "bad_stream"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Send:
    """Write *data* to *link*, after everything sent to it before."""

    link: LinkId
    data: bytes | bytearray


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Close *link*, after everything sent to it; nothing that it brings counts any more."""

    link: LinkId


@dataclass(frozen=True, slots=True)
class Secured:
    """Both ends hold the same secret: by words, which are erased, or without any.

    *code* is what people compare where there were no words; as long as they have not, the session
    trusts the site.
    """

    code: str = ""


@dataclass(frozen=True, slots=True)
class WordsDiffer:
    """Run *run* of *allowed* showed other words at the other end."""

    run: int
    allowed: int


@dataclass(frozen=True, slots=True)
class SecretUnknown:
    """The other end says that it does not hold the session's secret; not proven, only to show."""


@dataclass(frozen=True, slots=True)
class PathUp:
    """The tunnel runs over path *generation*, *seconds* after it last did; 0 for the first."""

    generation: PathGeneration
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PathLost:
    """The tunnel has no path; nothing is lost, it waits for the next."""

    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class Ended:
    """The tunnel is over for good; every link is to be closed after what was sent to it."""

    code: EndCode
    message: str
    by_peer: bool


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The other end opened *stream*."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamData:
    """Bytes of *stream*; say `consumed` when they are delivered."""

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


StreamEffect = StreamOpened | StreamData | StreamFinished | StreamReset | StreamWritable
PathEffect = Secured | WordsDiffer | SecretUnknown | PathUp | PathLost | Ended
Effect = Send | CloseLink | PathEffect | StreamEffect
Effects = tuple[Effect, ...]
