"""Reads a guest's HELLO: one frame, one ticket, nothing before the relay's answer.

The ticket alone admits: it is checked with the key ring of this node, and nobody is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import Refusal
from shared.domain.errors import InvalidTicket
from shared.domain.ticket import Ticket
from shared.wire.relay import BadFrame, FrameReader, Hello, RefusalCode

TICKET_CODES: Final = frozenset({RefusalCode.TICKET_EXPIRED, RefusalCode.WRONG_NODE})
"""What the check of a ticket may say more exactly than `invalid_ticket`."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A guest said what no guest may say, or showed a ticket that admits nobody."""

    refusal: Refusal


def ticket_in(
    reader: FrameReader, data: bytes, read_ticket: Callable[[str], Ticket]
) -> Ticket | Breach | None:
    """The ticket that *data* completes, the breach that it is, or None while more is to come."""
    if reader.done:
        return _breach(RefusalCode.BAD_HELLO, "nothing may be sent before READY")
    try:
        frames = reader.feed(data)
        if not frames:
            return None
        if reader.leftover or not isinstance(frames[0], Hello):
            return _breach(RefusalCode.BAD_HELLO, "a connection begins with HELLO and then waits")
        return read_ticket(frames[0].ticket)
    except BadFrame as error:
        return _breach(error.refusal, error.message)
    except InvalidTicket as error:
        return _breach(_code_of(error), error.message)


def _code_of(error: InvalidTicket) -> RefusalCode:
    reason = error.attributes.get("reason")
    return next((code for code in TICKET_CODES if code == reason), RefusalCode.INVALID_TICKET)


def _breach(code: RefusalCode, message: str) -> Breach:
    return Breach(Refusal(code, message))
