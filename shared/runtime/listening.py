"""Opens the listening sockets of a service, one for each address that its setting names.

`::` serves both families: IPv4 connections arrive with mapped addresses (RFC 3493, section 5.3).
Whether a system does that unasked differs, so it is set each time. Beside an IPv4 address in the
same list `::` serves IPv6 only, because both would claim the same port.
"""

import errno
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import BadSettings

ANY_IPV6: Final = "::"

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

_CAUSES: Final = {
    errno.EADDRINUSE: "the port is in use",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EAFNOSUPPORT: "this machine has no IPv6; name an IPv4 address, such as 0.0.0.0",
    errno.EACCES: "this user may not listen on so low a port",
}


@dataclass(frozen=True, slots=True)
class ListenSetting:
    """What a service listens on; *service* and *prefix* name both in messages.

    The variables of the setting are *prefix* with `_HOST` and with `_PORT`.
    """

    service: str
    prefix: str
    hosts: tuple[str, ...]
    port: int
    backlog: int


def open_listeners(setting: ListenSetting) -> tuple[socket.socket, ...]:
    """Open a non-blocking listening socket on each of the addresses, in their order.

    The sockets name their protocol: only then asyncio sets `TCP_NODELAY` on what they accept.

    Raises:
        BadSettings: an address is not this machine's, or its port is in use; none stays open.
    """
    serves_ipv4 = any(":" not in host for host in setting.hosts)
    with ExitStack() as opened:
        listeners = [
            opened.enter_context(_open(setting, host, v6_only=serves_ipv4 or host != ANY_IPV6))
            for host in dict.fromkeys(setting.hosts)
        ]
        opened.pop_all()
    return tuple(listeners)


def _open(setting: ListenSetting, host: str, *, v6_only: bool) -> socket.socket:
    try:
        family, address = _resolve(host, setting.port)
        return _listen(family, address, setting.backlog, v6_only=v6_only)
    except (OSError, OverflowError, UnicodeError) as error:
        raise BadSettings(
            f"{setting.service} cannot listen on {show_address(host, setting.port)}: "
            f"{describe_listen_error(error, host)}; "
            f"set {setting.prefix}_HOST and {setting.prefix}_PORT"
        ) from error


def _resolve(host: str, port: int) -> tuple[int, _Address]:
    """Return the family and the socket address of *host*: IPv4 where a name has both."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    return found[0][0], found[0][4]


def _listen(family: int, address: _Address, backlog: int, *, v6_only: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6_only))
        listener.bind(address)
        listener.listen(backlog)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener


def describe_listen_error(error: Exception, host: str) -> str:
    """Say for an operator why a service cannot listen on *host*."""
    number = error.errno if isinstance(error, OSError) else None
    if host == ANY_IPV6 and number == errno.EADDRNOTAVAIL:
        number = errno.EAFNOSUPPORT  # the family is there, and switched off on every interface
    if isinstance(error, socket.gaierror):
        return f"{host!r} is no address and no name that resolves to one"
    if number is None:
        return str(error)
    return _CAUSES.get(number, os.strerror(number))


def show_address(host: str, port: int) -> str:
    """Write an address with its port: `192.0.2.1:7443`, `[2001:db8::1]:7443`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def show_addresses(listeners: Iterable[socket.socket]) -> str:
    """Write the addresses of *listeners*, for a log line."""
    return ", ".join(show_address(*each.getsockname()[:2]) for each in listeners)
