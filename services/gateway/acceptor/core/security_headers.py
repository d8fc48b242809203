"""Decides which headers protect an answer in a browser, by what the answer is.

The API answers with data and never with a page: nothing that it sends may load, frame or run
anything (Content Security Policy, level 3). What a signed-in caller reads is kept by nobody; an
answer with an entity tag may be kept by the caller, who asks each time whether it still holds
(RFC 9111, section 5.2.2).
"""

from collections.abc import Collection
from typing import Final

from shared.domain.source import parse_address

Header = tuple[bytes, bytes]

ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
CACHE_CONTROL: Final = b"cache-control"
NOT_STORED: Final = b"no-store"
ASKED_EACH_TIME: Final = b"private, no-cache"
PUBLIC_PATHS: Final = frozenset({"/openapi.json"})
"""What is the same for everybody and no secret."""

STRICT_TRANSPORT: Final[Header] = (b"strict-transport-security", b"max-age=31536000")
LOCAL: Final = "localhost"


def security_headers(path: str, present: Collection[bytes], *, has_name: bool) -> list[Header]:
    """Return the headers to add to an answer of *path* that has those named in *present*.

    A browser that came to a site that *has_name* is told to come by HTTPS only (RFC 6797, which
    rules out addresses).
    """
    added: list[Header] = [header for header in ALWAYS if header[0] not in present]
    if CACHE_CONTROL not in present:
        may_keep = b"etag" in present or path in PUBLIC_PATHS
        added.append((CACHE_CONTROL, ASKED_EACH_TIME if may_keep else NOT_STORED))
    if has_name:
        added.append(STRICT_TRANSPORT)
    return added


def is_dns_name(host: str) -> bool:
    """Say whether *host* is a name that others resolve: no address, and not this machine's own."""
    name = host.strip("[]").rstrip(".").lower()
    is_local = name == LOCAL or name.endswith(f".{LOCAL}")
    return bool(name) and not is_local and parse_address(name) is None
