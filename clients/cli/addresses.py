"""Reads `HOST:PORT` as people write it."""

from shared.domain.errors import BadSettings

LOCAL_HOST = "127.0.0.1"
PORTS = 65_535


def parse_address(text: str, *, any_port: bool = False) -> tuple[str, int]:
    """Parse `HOST:PORT`, `[IPV6]:PORT` or `PORT`; *any_port* allows 0, "whichever is free".

    Raises:
        BadSettings: it is none.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or LOCAL_HOST
    lowest = 0 if any_port else 1
    if not port.isdecimal() or not lowest <= int(port) <= PORTS or " " in host:
        raise BadSettings(f"{text!r} is no address; one looks like 127.0.0.1:22")
    return host, int(port)
