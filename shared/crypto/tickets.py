"""Relay tickets: written by a gateway, read by a relay with nothing but the cluster's key.

A ticket is shorter than 2 KiB, so that HELLO always has room for it. A *probe ticket* lets its
holder measure how far away relays are, for a few minutes, and admits nobody to a path.
"""

from typing import Final

from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.proven import Purpose, prove, read_proven, unreadable
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, row
from shared.domain.errors import InvalidTicket
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits

PROBE_TICKET_MS: Final = 15 * 60 * 1000
"""How long a probe ticket is good for: a little longer than endpoints keep what they measured."""


def issue_ticket(keys: Keys, ticket: Ticket) -> str:
    """Return *ticket* as text, with its proof."""
    document = {
        "session": ticket.session,
        "side": ticket.side.value,
        "node": ticket.node,
        "generation": ticket.generation,
        "expires": ticket.expires,
        "limits": [ticket.limits.bytes_per_second, ticket.limits.idle_seconds],
    }
    return prove(keys, Purpose.PATH, document)


def read_ticket(keyring: KeyRing, text: str, *, node: NodeId, now_ms: UnixMillis) -> Ticket:
    """The ticket that *text* proves, for use on *node* at *now_ms*.

    Raises:
        InvalidTicket: it is forged, has expired or is for another node; `reason` says which.
    """
    document = read_proven(keyring, Purpose.PATH, text)
    try:
        ticket = _ticket(document)
    except Undecodable as error:
        raise unreadable() from error
    _require_time(ticket.expires, now_ms)
    if ticket.node not in {None, node}:
        raise InvalidTicket(f"the ticket is for node {ticket.node}", reason="wrong_node")
    return ticket


def issue_probe_ticket(keys: Keys, now_ms: UnixMillis) -> str:
    """Issue a ticket to ping every relay of the site, from *now_ms* on for `PROBE_TICKET_MS`."""
    return prove(keys, Purpose.PROBE, {"expires": now_ms + PROBE_TICKET_MS})


def require_probe_ticket(keyring: KeyRing, text: str, *, now_ms: UnixMillis) -> None:
    """Let the holder of a probe ticket pass.

    Raises:
        InvalidTicket: it is forged, has expired or is a ticket for a path; `reason` says which.
    """
    document = read_proven(keyring, Purpose.PROBE, text)
    try:
        expires = UnixMillis(document.integer("expires"))
    except Undecodable as error:
        raise unreadable() from error
    _require_time(expires, now_ms)


def _require_time(expires: UnixMillis, now_ms: UnixMillis) -> None:
    if expires <= now_ms:
        raise InvalidTicket("the ticket has expired", reason="ticket_expired")


def _ticket(document: Fields) -> Ticket:
    limits = row(document.value("limits"), ("bytes_per_second", "idle_seconds"), "limits")
    return Ticket(
        session=SessionId(document.text("session")),
        side=document.choice("side", Side),
        node=NodeId(document.text("node")) if "node" in document else None,
        generation=PathGeneration(document.integer("generation", least=1)),
        expires=UnixMillis(document.integer("expires")),
        limits=TicketLimits(limits.integer("bytes_per_second"), limits.integer("idle_seconds")),
    )
