"""One READY connection over a path: its bytes, its keys and its signs of life.

A link is an offer first; when the representative's end has chosen it and both have proven
themselves it has keys, and it is up when the other end's first record said where to go on.
Whoever has said nothing for `keepalive_seconds` says where it is; whoever has heard no byte for
`lost_seconds` takes the path for lost. Bytes are counted as they come, not records, so a slow path
is not a dead one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from clients.tunnel.effects import LinkId, Send
from clients.tunnel.frames import FrameReader, Kind
from clients.tunnel.records import Opener, Sealer
from clients.tunnel.resume import RecordKeys
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


@dataclass(frozen=True, slots=True)
class Timing:
    """How long an end waits for what."""

    keepalive_seconds: float = 1.0
    lost_seconds: float = 3.0
    choice_seconds: float = 0.3
    ack_seconds: float = 0.05
    linger_seconds: float = 2.0
    window_seconds: float = 24 * 3600.0

    def __post_init__(self) -> None:
        assert self.keepalive_seconds < self.lost_seconds, "a living path would be taken for lost"


@dataclass(slots=True)
class Link:
    """What one end keeps of one connection."""

    id: LinkId
    generation: PathGeneration
    heard: Instant
    spoke: Instant
    reader: FrameReader = field(default_factory=FrameReader)
    sealer: Sealer | None = None
    opener: Opener | None = None
    attempt: int = 0
    is_up: bool = False
    is_blocked: bool = False

    def take_keys(self, keys: RecordKeys, side: Side, attempt: int) -> None:
        """Both ends have proven themselves, in this *attempt*."""
        self.sealer = Sealer(keys.by_sender[side])
        self.opener = Opener(keys.by_sender[side.other])
        self.attempt = attempt
        self.is_up = False

    def say(self, record: bytes, now: Instant) -> Send:
        """*record*, sealed."""
        assert self.sealer is not None, "a record for a link without keys"
        self.spoke = now
        return Send(self.id, self.sealer.seal(record))

    def hear(self, data: bytes, now: Instant) -> Iterator[tuple[Kind, memoryview]]:
        """The frames that *data* completes."""
        self.heard = now
        return self.reader.feed(data)
