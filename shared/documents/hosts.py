"""Host names, IP addresses and web addresses in their one canonical form.

A name is kept as DNS compares it: ASCII in lower case, an internationalised label as its A-label
(`xn--`, IDNA 2008), no dot at the end. A number is kept as `ipaddress` writes it; an IPv4 address
inside IPv6 is that IPv4 address, and one with a scope id is refused, because `%eth0` means nothing
on another machine. Two texts that reach the same host are therefore equal texts.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import idna

LONGEST_NAME: Final = 253
LONGEST_URL: Final = 2_000
HIGHEST_PORT: Final = 65_535
SHOWN: Final = 80
"""How many characters of something wrong a sentence repeats."""

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DNS_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SCHEMES: Final = frozenset({"http", "https"})
_JOINERS: Final[dict[int, None]] = dict.fromkeys((0x200C, 0x200D))
"""Invisible, and yet a part of words in some scripts: whether here is for IDNA to say."""
_BRACKETED: Final = re.compile(r"\[(.*)\]")


def host(text: str) -> str:
    """Return *text*, a host's name or number, in canonical form; a name may hold underscores.

    Raises:
        ValueError: it is neither.
    """
    plain = _remapped(text)
    number = _number(plain)
    return str(number) if number is not None else _name(plain, text, _DNS_LABEL)


@lru_cache(1 << 16)
def comparable(text: str) -> str:
    """Return *text* from a document as hosts are compared; what is no host as it stands."""
    try:
        return host(text)
    except ValueError:
        return text


def dns_name(text: str) -> str:
    """Return *text* as a name in DNS, such as `_relay._tcp.example.com`, in canonical form.

    Raises:
        ValueError: it is none.
    """
    return _name(_remapped(text), text, _DNS_LABEL)


def host_name(text: str) -> str:
    """Return *text*, a name that people type or a certificate holds, in canonical form.

    Raises:
        ValueError: it is none; an IP address or a name with an underscore is none either.
    """
    return _name(_remapped(text), text, _LABEL)


def number(text: str) -> str:
    """Return *text* as an IP address, in canonical form.

    Raises:
        ValueError: it is none.
    """
    found = _number(text)
    if found is None:
        raise ValueError(f"{text[:SHOWN]!r} is no IP address like 192.0.2.1 or 2001:db8::1")
    return str(found)


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return *address*, or the IPv4 address that stands inside it.

    Raises:
        ValueError: it has a scope id.
    """
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError(f"{address} has a scope id (%), which no other machine understands")
    return address.ipv4_mapped or address


def web_address(text: str) -> str:
    """Return *text*, an address of http:// or https://, with its host in canonical form.

    Raises:
        ValueError: it is none, its host is none, or its port does not lie in 1 to 65535.
    """
    if len(text) > LONGEST_URL:
        raise ValueError(f"an address has at most {LONGEST_URL:,} characters")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError(f"{text[:SHOWN]!r} is no address: it holds a space or a control character")
    parts = _split(text)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ValueError(f"{text[:SHOWN]!r} is no address: begin with https:// or http://")
    user, at, where = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=user + at + _place(where)))


def place(text: str) -> str:
    """Return *text* as `host` or `host:port`, canonical, without what stands around it (`//`).

    Raises:
        ValueError: the host is none, or the port does not lie in 1 to 65535.
    """
    found = text.strip(" ").partition("//")[2].partition("/")[0] if "//" in text else text
    is_bare_number = found.count(":") > 1 and not found.startswith("[")
    return _place(f"[{found}]" if is_bare_number else found)


def _place(text: str) -> str:
    """Return *text* as `host` or `host:port` of a web address."""
    bracketed = text.startswith("[")
    name, _, rest = text[1:].partition("]") if bracketed else text.partition(":")
    port = rest.removeprefix(":") if bracketed else rest
    if bracketed and (":" not in name or rest == port != ""):
        raise ValueError(f"{text[:SHOWN]!r} is no host: only an IPv6 address stands in brackets")
    found = host(name)
    shown = f"[{found}]" if ":" in found else found
    return f"{shown}:{_port(port)}" if port else shown


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(HIGHEST_PORT))):
        raise ValueError(f"{text[:SHOWN]!r} is no port from 1 to {HIGHEST_PORT}")
    port = int(text)
    if not 1 <= port <= HIGHEST_PORT:
        raise ValueError(f"the port {port} does not lie in 1 to {HIGHEST_PORT}")
    return port


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError as error:
        raise ValueError(f"{text[:SHOWN]!r} is no address: {error}") from error


def _remapped(text: str) -> str:
    """Put *text* into lower case and compatible characters (full width, other dots) into usual."""
    plain = text.strip(" ")
    if len(plain) > LONGEST_NAME + 1:
        raise _no_name(text, f"it has more than {LONGEST_NAME} characters")
    if not plain.translate(_JOINERS).isprintable():
        raise _no_name(text, "it holds an invisible character")
    if plain.isascii():
        return plain.lower()
    try:
        return idna.uts46_remap(plain, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError) as error:
        raise _no_name(text, str(error)) from error


def _number(plain: str) -> IPv4Address | IPv6Address | None:
    bare = _BRACKETED.fullmatch(plain)
    try:
        found = ip_address(plain if bare is None else bare[1])
    except ValueError:
        return None
    return unmapped(found)


def _name(plain: str, text: str, allowed: re.Pattern[str]) -> str:
    labels = [_a_label(label, text, allowed) for label in plain.removesuffix(".").split(".")]
    if _NUMERIC.fullmatch(labels[-1]):
        raise _no_name(text, "it ends in a number and is no IP address")
    name = ".".join(labels)
    if len(name) > LONGEST_NAME:
        raise _no_name(text, f"it has more than {LONGEST_NAME} characters")
    return name


def _a_label(label: str, text: str, allowed: re.Pattern[str]) -> str:
    """Return one label as it stands in DNS."""
    try:
        if not label.isascii():
            return idna.alabel(label).decode("ascii")
        if label.startswith("xn--"):
            idna.ulabel(label)
    except (idna.IDNAError, UnicodeError) as error:
        raise _no_name(text, str(error)) from error
    if not label:
        raise _no_name(text, "a label is empty")
    if not allowed.fullmatch(label):
        raise _no_name(
            text,
            f"{label[:SHOWN]!r} is no label of 1 to 63 letters, digits and '-', "
            "which begins and ends with a letter or digit",
        )
    return label


def _no_name(text: str, why: str) -> ValueError:
    return ValueError(f"{text[:SHOWN]!r} is no host name like help.example.com: {why}")
