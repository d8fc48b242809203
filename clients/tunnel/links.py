"""One READY connection over a path: its bytes, its keys, and when it was last used.

A new link is only an offer. When the representative's end has chosen it and both ends have proven
themselves, it has keys. It is up when the other end's first record has claimed an offset.
An end that has sent nothing for `keepalive_seconds` sends an ACK; an end that has received no byte
for `lost_seconds` treats the path as lost. It counts bytes and not records, so that a slow path
does not count as lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from clients.tunnel.effects import LinkId, Send
from clients.tunnel.frames import FrameKind, TunnelFrameReader
from clients.tunnel.records import Opener, Sealer
from clients.tunnel.resume import RecordKeys
from shared.domain.ids import Instant, PathGeneration
from shared.domain.node import Side


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """The times after which an end acts, in seconds."""

    keepalive_seconds: float = 1.0
    lost_seconds: float = 3.0
    choice_seconds: float = 0.3
    ack_seconds: float = 0.05
    linger_seconds: float = 2.0
    window_seconds: float = 24 * 3600.0

    def __post_init__(self) -> None:
        assert self.keepalive_seconds < self.lost_seconds, "a living path would be treated as lost"


@dataclass(slots=True)
class TunnelLink:
    """The state of one connection at one end."""

    id: LinkId
    generation: PathGeneration
    received_at: Instant
    sent_at: Instant
    reader: TunnelFrameReader = field(default_factory=TunnelFrameReader)
    sealer: Sealer | None = None
    opener: Opener | None = None
    attempt: int = 0
    is_up: bool = False
    is_blocked: bool = False

    def set_keys(self, keys: RecordKeys, side: Side, attempt: int) -> None:
        """Set the keys after both ends have proven themselves in *attempt*."""
        self.sealer = Sealer(keys.by_sender[side])
        self.opener = Opener(keys.by_sender[side.other])
        self.attempt = attempt
        self.is_up = False

    def seal(self, record: bytes, now: Instant) -> Send:
        """The effect that sends *record*, sealed."""
        assert self.sealer is not None, "a record for a link without keys"
        self.sent_at = now
        return Send(self.id, self.sealer.seal(record))

    def receive(self, data: bytes, now: Instant) -> Iterator[tuple[FrameKind, memoryview]]:
        """The frames that *data* completes."""
        self.received_at = now
        return self.reader.feed(data)
