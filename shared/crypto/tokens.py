"""Access tokens: claims and an end, with a MAC that only masters can make."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from shared.crypto.sealing import SiteSecret
from shared.domain.errors import Unauthenticated
from shared.domain.ids import UnixMillis

LONGEST: Final = 2_048


def issue_token(secret: SiteSecret, claims: Mapping[str, Any], expires: UnixMillis) -> str:
    """*claims* as a token that is good until *expires*."""
    body = _encode(json.dumps({**claims, "expires": expires}, separators=(",", ":")).encode())
    return f"{body}.{_encode(_mac(secret, body))}"


def read_token(secret: SiteSecret, text: str, now_ms: UnixMillis) -> dict[str, Any]:
    """The claims of a token.

    Raises:
        Unauthenticated: it is not from this site, or has ended.
    """
    body, _, proof = text.partition(".")
    try:
        held = len(text) <= LONGEST and hmac.compare_digest(_mac(secret, body), _decode(proof))
        claims: dict[str, Any] = json.loads(_decode(body)) if held else {}
    except (ValueError, TypeError):
        claims = {}
    if not claims:
        raise Unauthenticated("the token is not from this site; sign in again")
    if int(claims["expires"]) <= now_ms:
        raise Unauthenticated("the token has ended; sign in again")
    return claims


def _mac(secret: SiteSecret, text: str) -> bytes:
    return hmac.digest(secret.token_key, text.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
