"""A document as one line of text with proof, by the cluster's key, of its writer and purpose.

`base64url(JSON) . kid . base64url(MAC)`; the MAC covers the text before it. Every purpose has a key
of its own, so a document of one is never taken for one of another.
"""

import base64
import hmac
import json
from enum import StrEnum
from typing import Any, Final

from shared.crypto.keyring import KeyRing, Keys
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.decoding.text import decode_base64url, equal_in_constant_time
from shared.domain.errors import InvalidTicket

LIMIT_BYTES: Final = 2_048


class Purpose(StrEnum):
    """The use of a document: a path of a session, or measuring how far relays are."""

    PATH = "path"
    PROBE = "probe/v1"


def prove(keys: Keys, purpose: Purpose, document: dict[str, Any]) -> str:
    """Return *document* as text, with its proof."""
    body = _encode(json.dumps(document, separators=(",", ":")).encode())
    text = f"{body}.{keys.kid}"
    issued = f"{text}.{_encode(_mac(keys, purpose, text))}"
    assert len(issued) < LIMIT_BYTES, "a ticket that no relay would read is not written"
    return issued


def read_proven(keyring: KeyRing, purpose: Purpose, text: str) -> Fields:
    """The document that *text* proves for *purpose*.

    Raises:
        InvalidTicket: it is forged, of another cluster or purpose, or no document.
    """
    body, _, proof = text.rpartition(".")
    _, _, kid = body.rpartition(".")
    keys = keyring.find(kid)
    if len(text) >= LIMIT_BYTES or not text.isascii() or keys is None:
        raise InvalidTicket("the ticket is not from this cluster", reason="invalid_ticket")
    try:
        if not equal_in_constant_time(_mac(keys, purpose, body), decode_base64url(proof)):
            raise InvalidTicket("the ticket is forged", reason="invalid_ticket")
        return decode_object(decode_base64url(body.partition(".")[0]), "ticket")
    except Undecodable as error:
        raise unreadable() from error


def unreadable() -> InvalidTicket:
    """The error for a document that is proven but not what its purpose needs."""
    return InvalidTicket("the ticket cannot be read", reason="invalid_ticket")


def _mac(keys: Keys, purpose: Purpose, text: str) -> bytes:
    own = purpose is not Purpose.PATH
    key = hmac.digest(keys.ticket, purpose.value.encode(), "sha256") if own else keys.ticket
    return hmac.digest(key, text.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
