"""Access tokens: claims and an end, with a MAC that only masters can make."""

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from shared.crypto.sealing import SiteSecret
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.decoding.text import decode_base64url, equal_in_constant_time
from shared.domain.errors import Unauthenticated
from shared.domain.ids import UnixMillis

LONGEST: Final = 2_048


def issue_token(secret: SiteSecret, claims: Mapping[str, Any], expires: UnixMillis) -> str:
    """Return *claims* as a token that is good until *expires*."""
    body = _encode(json.dumps({**claims, "expires": expires}, separators=(",", ":")).encode())
    return f"{body}.{_encode(_mac(secret, body))}"


def read_token(secret: SiteSecret, text: str, now_ms: UnixMillis) -> Fields:
    """The claims of a token.

    Raises:
        Unauthenticated: it is not from this site, or has ended.
    """
    try:
        claims = _claims(secret, text)
        expires = claims.integer("expires")
    except Undecodable as error:
        raise _foreign() from error
    if expires <= now_ms:
        raise Unauthenticated("the token has ended; sign in again")
    return claims


def _claims(secret: SiteSecret, text: str) -> Fields:
    body, _, proof = text.partition(".")
    if len(text) > LONGEST or not text.isascii():
        raise _foreign()
    if not equal_in_constant_time(_mac(secret, body), decode_base64url(proof)):
        raise _foreign()
    return decode_object(decode_base64url(body), "token")


def _foreign() -> Unauthenticated:
    return Unauthenticated("the token is not from this site; sign in again")


def _mac(secret: SiteSecret, text: str) -> bytes:
    return hmac.digest(secret.token_key, text.encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
