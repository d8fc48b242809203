"""Owns the records that the two ends exchange, independent of the link that carries them.

Reliable frames carry their offset and are kept until acknowledged; an ACK says how much has
arrived, and the first record of each direction of a link is one: the offset that it claims is where
the other end goes on. **Every frame is accepted at exactly the offset that was reached**, so none
is lost and none comes twice. END is the only authenticated end. It is sent after everything else on
its link, so an end that reads it has read everything.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from clients.tunnel.effects import EndCode, StreamEffect
from clients.tunnel.outbox import PREFIX, BadClaim, Outbox
from clients.tunnel.records import BadRecord
from clients.tunnel.streams import Streams
from shared.domain.ids import Instant
from shared.domain.node import Side

ACK_BYTES: Final = 512 * 1024
"""An ACK is sent as soon as this much was received, and after `ack_seconds` in any case."""


class ControlRecord(IntEnum):
    """Records that belong to no stream; they have no offset and are never repeated."""

    ACK = 1
    END = 2


class Conversation:
    """One end's side of the exchange of records."""

    def __init__(self, side: Side, ack_seconds: float) -> None:
        self.outbox = Outbox()
        self.streams = Streams(side, self.outbox)
        self.received = 0
        self.ack_at: Instant | None = None
        self._ack_seconds = ack_seconds
        self._acknowledged = 0
        self._end_record: bytes | None = None
        self._end_sent = False

    def encode_ack(self) -> bytes:
        """The ACK of everything received."""
        self._acknowledged = self.received
        self.ack_at = None
        return PREFIX.pack(ControlRecord.ACK, self.received, 0)

    def resume_from(self, claim: int) -> None:
        """Go on from the offset that the other end claims, on a new link.

        Raises:
            BadClaim: the other end cannot have reached it.
        """
        self.outbox.rewind(claim)
        self._end_sent = False

    def receive(self, record: memoryview, now: Instant) -> StreamEffect | None:
        """Process one record of the present link that is no END.

        Raises:
            BadClaim: it does not follow what came before, or acknowledges what was not sent.
            BadStream: it breaks a rule of streams.
        """
        kind, number, stream = PREFIX.unpack_from(record)
        if kind == ControlRecord.ACK:
            self.outbox.acknowledge(number)
            return None
        if number != self.received:
            raise BadClaim(f"a frame at {number} came at {self.received}")
        self.received += len(record)
        if self.ack_at is None:
            self.ack_at = Instant(now + self._ack_seconds)
        return self.streams.received(kind, stream, record[PREFIX.size :])

    def queue_end(self, code: EndCode, message: str) -> None:
        """Send END after everything that waits now."""
        self._end_record = encode_end(code, message)

    def outgoing(self, now: Instant, *, blocked: bool) -> Iterator[bytes]:
        """Yield the records for the present link, in order; a *blocked* link gets an ACK only."""
        is_due = self.ack_at is not None and now >= self.ack_at
        if is_due or self.received - self._acknowledged >= ACK_BYTES:
            yield self.encode_ack()
        if blocked:
            return
        while True:
            frame = self.outbox.next()
            if frame is not None:
                yield frame
            elif not self.streams.fill():
                break
        if self._end_record is not None and not self._end_sent:
            self._end_sent = True
            yield self._end_record


def encode_end(code: EndCode, message: str) -> bytes:
    return PREFIX.pack(ControlRecord.END, 0, 0) + f"{code}\n{message[:500]}".encode()


def decode_end(record: memoryview) -> tuple[EndCode, str] | None:
    """Read an END; None for any other record."""
    if record[0] != ControlRecord.END:
        return None
    code, _, message = bytes(record[PREFIX.size :]).decode(errors="replace").partition("\n")
    known = code in {each.value for each in EndCode}
    return (EndCode(code) if known else EndCode.CLOSED), message


def decode_claim(record: memoryview) -> int:
    """The offset in a link's first record.

    Raises:
        BadRecord: it is no ACK.
    """
    kind, number, _ = PREFIX.unpack_from(record)
    if kind != ControlRecord.ACK:
        raise BadRecord
    return int(number)
