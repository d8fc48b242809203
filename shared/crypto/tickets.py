"""Relay tickets: written by a gateway, read by a relay with nothing but the cluster's key.

`base64url(JSON) . kid . base64url(MAC)`; the MAC covers the text before it. A ticket is shorter
than 2 KiB, so that HELLO always has room for it.
"""

import base64
import hmac
import json
from typing import Any, Final

from shared.crypto.keyring import KeyRing, Keys
from shared.domain.errors import InvalidTicket
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits

LIMIT_BYTES: Final = 2_048


def issue_ticket(keys: Keys, ticket: Ticket) -> str:
    """*ticket* as text, with its proof."""
    document = {
        "session": ticket.session,
        "side": ticket.side.value,
        "node": ticket.node,
        "generation": ticket.generation,
        "expires": ticket.expires,
        "limits": [ticket.limits.bytes_per_second, ticket.limits.idle_seconds],
    }
    body = _encode(json.dumps(document, separators=(",", ":")).encode())
    text = f"{body}.{keys.kid}"
    issued = f"{text}.{_encode(_mac(keys, text))}"
    assert len(issued) < LIMIT_BYTES, "a ticket that no relay would read is not written"
    return issued


def read_ticket(keyring: KeyRing, text: str, *, node: NodeId, now_ms: UnixMillis) -> Ticket:
    """The ticket that *text* proves, for use on *node* at *now_ms*.

    Raises:
        InvalidTicket: it is forged, has expired or is for another node; `reason` says which.
    """
    body, _, proof = text.rpartition(".")
    _, _, kid = body.rpartition(".")
    keys = keyring.find(kid)
    if len(text) >= LIMIT_BYTES or keys is None:
        raise InvalidTicket("the ticket is not from this cluster", reason="invalid_ticket")
    try:
        if not hmac.compare_digest(_mac(keys, body), _decode(proof)):
            raise InvalidTicket("the ticket is forged", reason="invalid_ticket")
        ticket = _ticket(json.loads(_decode(body.partition(".")[0])))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTicket("the ticket cannot be read", reason="invalid_ticket") from error
    if ticket.expires <= now_ms:
        raise InvalidTicket("the ticket has expired", reason="ticket_expired")
    if ticket.node != node:
        raise InvalidTicket(f"the ticket is for node {ticket.node}", reason="wrong_node")
    return ticket


def _ticket(document: dict[str, Any]) -> Ticket:
    rate, idle = document["limits"]
    return Ticket(
        session=SessionId(str(document["session"])),
        side=Side(document["side"]),
        node=NodeId(str(document["node"])),
        generation=PathGeneration(int(document["generation"])),
        expires=UnixMillis(int(document["expires"])),
        limits=TicketLimits(int(rate), int(idle)),
    )


def _mac(keys: Keys, text: str) -> bytes:
    return hmac.digest(keys.ticket, text.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
