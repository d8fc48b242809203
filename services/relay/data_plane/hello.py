"""Reads what a guest says first: its HELLO, one frame and one ticket, or PINGs and nothing else.

The ticket alone admits: it is checked with the key ring of this node, and nobody is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.relay.core.admission import Refusal
from shared.domain.errors import InvalidTicket
from shared.domain.ticket import Ticket
from shared.wire.relay import BadFrame, Frame, FrameReader, Hello, Ping, RefusalCode

TICKET_CODES: Final = frozenset({RefusalCode.TICKET_EXPIRED, RefusalCode.WRONG_NODE})
"""What the check of a ticket may say more exactly than `invalid_ticket`."""


class Tickets(Protocol):
    """Who knows a good ticket from a bad one; both raise `InvalidTicket`."""

    def path(self, text: str) -> Ticket: ...

    def require_probe(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pings:
    """A guest measures, with a ticket that allows it."""

    nonces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """A guest said what no guest may say, or showed a ticket that admits nobody."""

    refusal: Refusal


def said_in(reader: FrameReader, data: bytes, tickets: Tickets) -> Ticket | Pings | Breach | None:
    """The ticket or PINGs that *data* completes, or the breach that it is; None: go on reading."""
    if reader.done:
        return _breach(RefusalCode.BAD_HELLO, "nothing may be sent before READY")
    try:
        frames = reader.feed(data)
        if reader.leftover:
            return _breach(RefusalCode.BAD_HELLO, "a connection begins with HELLO and then waits")
        return _said(frames, tickets) if frames else None
    except BadFrame as error:
        return _breach(error.refusal, error.message)
    except InvalidTicket as error:
        return _breach(_code_of(error), error.message)


def _said(frames: Sequence[Frame], tickets: Tickets) -> Ticket | Pings | Breach:
    first = frames[0]
    if isinstance(first, Hello):
        return tickets.path(first.ticket)
    pings = [frame for frame in frames if isinstance(frame, Ping)]
    if len(pings) < len(frames):
        return _breach(RefusalCode.BAD_HELLO, "a connection begins with one HELLO, or with PINGs")
    for ticket in {ping.ticket for ping in pings}:
        tickets.require_probe(ticket)
    return Pings(tuple(ping.nonce for ping in pings))


def _code_of(error: InvalidTicket) -> RefusalCode:
    reason = error.attributes.get("reason")
    return next((code for code in TICKET_CODES if code == reason), RefusalCode.INVALID_TICKET)


def _breach(code: RefusalCode, message: str) -> Breach:
    return Breach(Refusal(code, message))
