"""Reads what a person writes about a site in containers: lines of `.env`, its host, a port."""

import re
from ipaddress import ip_address
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.text import to_integer
from shared.domain.errors import BadSettings

LINE: Final = re.compile(
    r"""^\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>.*?))\s*(?:(?:^|\s)\#.*)?$""",
    re.VERBOSE,
)
EVERYWHERE: Final = ""
"""Compose publishes on every address, IPv4 and IPv6, where none is written."""


def read_settings_file(text: str) -> dict[str, str]:
    """The variables of an `.env` file, by Compose's rules for plain lines; others are left out."""
    found = (LINE.match(line) for line in text.splitlines())
    return {
        each["name"]: next(text for text in (each["double"], each["single"], each["bare"]) if text)
        if any((each["double"], each["single"], each["bare"]))
        else ""
        for each in found
        if each
    }


def literal_address(host: str) -> str | None:
    """The IP address that *host* is; None for a name. `localhost` is loopback everywhere."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None


def publish_address(host: str, *, is_own: bool) -> str:
    """The address on which the site's ports are published.

    It is *host* where that is an address of this machine (*is_own*). A name may lead here by any
    address, and so may an address that is translated on the way: then it is every address.
    """
    address = literal_address(host)
    if address is None or not is_own:
        return EVERYWHERE
    return f"[{address}]" if ":" in address else address


def parse_port(text: str, name: str, example: int) -> int:
    """The port in *text*.

    Raises:
        BadSettings: it is none; the message asks for one.
    """
    try:
        return to_integer(text, least=1, most=65535)
    except Undecodable as error:
        raise BadSettings(f"say {name}={example}: a port that is free on this machine") from error
