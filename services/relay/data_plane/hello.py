"""Parses the first bytes of a connection: one HELLO with a ticket, or PINGs and nothing else.

The ticket alone admits. This node checks it with its own key ring and asks no other node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.relay.core.admission import ConnectionRefusal
from shared.domain.errors import InvalidTicket
from shared.domain.ticket import Ticket
from shared.wire.relay import BadFrame, Frame, FrameReader, Hello, Ping, RefusalCode

TICKET_CODES: Final = frozenset({RefusalCode.TICKET_EXPIRED, RefusalCode.WRONG_NODE})
"""The reasons of an invalid ticket that have a code of their own."""


class Tickets(Protocol):
    """Checks tickets; both methods raise `InvalidTicket`."""

    def read_path_ticket(self, text: str) -> Ticket: ...

    def require_probe(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pings:
    """The PINGs of a connection that measures, with a valid probe ticket."""

    nonces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProtocolViolation:
    """The fault of a connection that broke the protocol, or whose ticket is not valid."""

    refusal: ConnectionRefusal


def parse_hello(
    reader: FrameReader, data: bytes, tickets: Tickets
) -> Ticket | Pings | ProtocolViolation | None:
    """Return the ticket or PINGs that *data* completes, or the violation; None: read on."""
    if reader.done:
        return _violation(RefusalCode.BAD_HELLO, "nothing may be sent before READY")
    try:
        frames = reader.feed(data)
        if reader.leftover:
            return _violation(
                RefusalCode.BAD_HELLO, "a connection begins with HELLO and then waits"
            )
        return _check_frames(frames, tickets) if frames else None
    except BadFrame as error:
        return _violation(error.refusal, error.message)
    except InvalidTicket as error:
        return _violation(_code_of(error), error.message)


def _check_frames(frames: Sequence[Frame], tickets: Tickets) -> Ticket | Pings | ProtocolViolation:
    first = frames[0]
    if isinstance(first, Hello):
        return tickets.read_path_ticket(first.ticket)
    pings = [frame for frame in frames if isinstance(frame, Ping)]
    if len(pings) < len(frames):
        return _violation(
            RefusalCode.BAD_HELLO, "a connection begins with one HELLO, or with PINGs"
        )
    for ticket in {ping.ticket for ping in pings}:
        tickets.require_probe(ticket)
    return Pings(tuple(ping.nonce for ping in pings))


def _code_of(error: InvalidTicket) -> RefusalCode:
    reason = error.attributes.get("reason")
    return next((code for code in TICKET_CODES if code == reason), RefusalCode.INVALID_TICKET)


def _violation(code: RefusalCode, message: str) -> ProtocolViolation:
    return ProtocolViolation(ConnectionRefusal(code, message))
