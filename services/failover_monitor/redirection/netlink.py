"""Adds and removes an address with a lifetime on an interface, by the kernel's netlink."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface
from socket import AF_INET
from typing import TYPE_CHECKING, Final

from shared.decoding.text import decode_hex
from shared.documents.redirection import SharedIp
from shared.domain.errors import RedirectionFailed

if TYPE_CHECKING:
    from pyroute2 import IPRoute

UNLIMITED: Final = 2**32 - 1
"""The lifetime of an address that never expires."""


@dataclass(frozen=True, slots=True)
class Interface:
    """The interface for the address; *is_new* says that it did not have the address before."""

    index: int
    name: str
    hardware: bytes
    is_new: bool = True


def hold(setting: SharedIp, seconds: int) -> Interface:
    """Give the address to this machine for *seconds* from now.

    Raises:
        RedirectionFailed: the kernel did not add it; the message says why.
    """
    shared = IPv4Interface(setting.address)
    with _netlink(setting) as netlink:
        interface = _interface(netlink, setting, shared)
        list(
            netlink.addr(
                "replace",
                index=interface.index,
                address=str(shared.ip),
                prefixlen=shared.network.prefixlen,
                valid_lft=seconds,
                preferred_lft=seconds,
            )
        )
        return interface


def release(setting: SharedIp) -> None:
    """Remove the address from this machine.

    Raises:
        RedirectionFailed: the kernel did not remove it; the message says why.
    """
    shared = IPv4Interface(setting.address)
    with _netlink(setting) as netlink:
        interface = _interface(netlink, setting, shared)
        if not interface.is_new:
            prefix = shared.network.prefixlen
            list(
                netlink.addr("del", index=interface.index, address=str(shared.ip), prefixlen=prefix)
            )


@contextmanager
def explain_errors(setting: SharedIp) -> Generator[None]:
    """Turn an error of the kernel into the sentence that an operator reads."""
    try:
        yield
    except OSError as error:
        raise RedirectionFailed(_sentence(setting, error.errno, str(error))) from error


@contextmanager
def _netlink(setting: SharedIp) -> "Generator[IPRoute]":
    try:
        # Linux only, and large: a site that does not use it neither needs nor loads it.
        from pyroute2 import IPRoute  # noqa: PLC0415
        from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415
    except ImportError as error:
        raise RedirectionFailed("shared_ip works on Linux only") from error
    try:
        with explain_errors(setting), IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        raise RedirectionFailed(_sentence(setting, error.code, str(error))) from error


def _sentence(setting: SharedIp, code: int | None, error: str) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return (
            f"this master may not take {setting.address}: its failover monitor needs the "
            "capabilities NET_ADMIN and NET_RAW"
        )
    return f"the kernel does not give {setting.address} to this master: {error}"


def _interface(netlink: "IPRoute", setting: SharedIp, shared: IPv4Interface) -> Interface:
    index, lifetime = _index(netlink, setting, shared), None
    for each in netlink.get_addr(index=index, family=AF_INET):
        if each.get_attr("IFA_LOCAL") == str(shared.ip):
            lifetime = each.get_attr("IFA_CACHEINFO")["ifa_valid"]
    (link,) = netlink.get_links(index)
    name = str(link.get_attr("IFLA_IFNAME"))
    if lifetime == UNLIMITED:
        raise RedirectionFailed(
            f"{shared.ip} is a fixed address of this master's {name}: choose one that nobody has"
        )
    hardware = decode_hex(str(link.get_attr("IFLA_ADDRESS")).replace(":", ""))
    return Interface(index, name, hardware, is_new=lifetime is None)


def _index(netlink: "IPRoute", setting: SharedIp, shared: IPv4Interface) -> int:
    """Find the interface that the site names, or the one that lies in the address's network."""
    if setting.interface:
        for index in netlink.link_lookup(ifname=setting.interface):
            return index
        raise RedirectionFailed(f"this master has no interface {setting.interface}")
    for each in netlink.get_addr(family=AF_INET):
        own = IPv4Interface((each.get_attr("IFA_LOCAL"), each["prefixlen"]))
        if own.network == shared.network and own.ip != shared.ip:
            return int(each["index"])
    raise RedirectionFailed(
        f"no interface of this master lies in {shared.network}: "
        "name one in redirection.shared_ip.interface of the site's document"
    )
