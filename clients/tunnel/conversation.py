"""Owns what the two ends have said to each other, whatever link they say it over.

Reliable frames carry their offset and are kept until acknowledged; an ACK says how much has
arrived, and the first record of each direction of a link is one: it is the claim from which the
other end goes on. **Every frame is taken at exactly the offset that was reached**, so none is lost
and none comes twice. END is the one authenticated end; it goes out after everything else on its
link, so whoever reads it has read all.
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
"""So much is acknowledged at once, less after `ack_seconds`."""


class Word(IntEnum):
    """Records beside those of streams; they have no offset and are never repeated."""

    ACK = 1
    END = 2


class Conversation:
    """One end's half of everything said."""

    def __init__(self, side: Side, ack_seconds: float) -> None:
        self.outbox = Outbox()
        self.streams = Streams(side, self.outbox)
        self.received = 0
        self.ack_at: Instant | None = None
        self._ack_seconds = ack_seconds
        self._told = 0
        self._farewell: bytes | None = None
        self._farewell_said = False

    def position(self) -> bytes:
        """The ACK of everything received."""
        self._told = self.received
        self.ack_at = None
        return PREFIX.pack(Word.ACK, self.received, 0)

    def begin(self, claim: int) -> None:
        """The other end goes on from *claim*, on a new link.

        Raises:
            BadClaim: it cannot.
        """
        self.outbox.rewind(claim)
        self._farewell_said = False

    def take(self, record: memoryview, now: Instant) -> StreamEffect | None:
        """One record of the present link that is no END.

        Raises:
            BadClaim: it does not follow what came before, or acknowledges what was not sent.
            BadStream: a stream's rule is broken.
        """
        kind, number, stream = PREFIX.unpack_from(record)
        if kind == Word.ACK:
            self.outbox.acknowledge(number)
            return None
        if number != self.received:
            raise BadClaim(f"a frame at {number} came at {self.received}")
        self.received += len(record)
        if self.ack_at is None:
            self.ack_at = Instant(now + self._ack_seconds)
        return self.streams.received(kind, stream, record[PREFIX.size :])

    def say_farewell(self, code: EndCode, message: str) -> None:
        """END comes after all that waits now."""
        self._farewell = farewell(code, message)

    def outgoing(self, now: Instant, *, blocked: bool) -> Iterator[bytes]:
        """What the present link may carry now, in order; a *blocked* one takes an ACK only."""
        is_due = self.ack_at is not None and now >= self.ack_at
        if is_due or self.received - self._told >= ACK_BYTES:
            yield self.position()
        if blocked:
            return
        while True:
            frame = self.outbox.next()
            if frame is not None:
                yield frame
            elif not self.streams.fill():
                break
        if self._farewell is not None and not self._farewell_said:
            self._farewell_said = True
            yield self._farewell


def farewell(code: EndCode, message: str) -> bytes:
    return PREFIX.pack(Word.END, 0, 0) + f"{code}\n{message[:500]}".encode()


def farewell_in(record: memoryview) -> tuple[EndCode, str] | None:
    """Read an END; None for any other record."""
    if record[0] != Word.END:
        return None
    code, _, message = bytes(record[PREFIX.size :]).decode(errors="replace").partition("\n")
    known = code in {each.value for each in EndCode}
    return (EndCode(code) if known else EndCode.CLOSED), message


def claim_in(record: memoryview) -> int:
    """The offset in a link's first record.

    Raises:
        BadRecord: it is no ACK.
    """
    kind, number, _ = PREFIX.unpack_from(record)
    if kind != Word.ACK:
        raise BadRecord
    return int(number)
