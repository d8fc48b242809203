"""An address with a lifetime on an interface of this machine, by the kernel's netlink."""

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

FOR_EVER: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """The interface for the address; *is_new* says that it did not have it."""

    index: int
    name: str
    hardware: bytes
    is_new: bool = True


def hold(setting: SharedIp, seconds: int) -> Place:
    """Have the address for so many seconds from now.

    Raises:
        RedirectionFailed: it is not there; the message says why.
    """
    shared = IPv4Interface(setting.address)
    with _netlink(setting) as netlink:
        place = _place(netlink, setting, shared)
        list(
            netlink.addr(
                "replace",
                index=place.index,
                address=str(shared.ip),
                prefixlen=shared.network.prefixlen,
                valid_lft=seconds,
                preferred_lft=seconds,
            )
        )
        return place


def let_go(setting: SharedIp) -> None:
    """Have the address no more.

    Raises:
        RedirectionFailed: it is still there; the message says why.
    """
    shared = IPv4Interface(setting.address)
    with _netlink(setting) as netlink:
        place = _place(netlink, setting, shared)
        if not place.is_new:
            prefix = shared.network.prefixlen
            list(netlink.addr("del", index=place.index, address=str(shared.ip), prefixlen=prefix))


@contextmanager
def explained(setting: SharedIp) -> Generator[None]:
    """Say what the kernel refused."""
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
        with explained(setting), IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        raise RedirectionFailed(_sentence(setting, error.code, str(error))) from error


def _sentence(setting: SharedIp, code: int | None, said: str) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return (
            f"this master may not take {setting.address}: its failover monitor needs the "
            "capabilities NET_ADMIN and NET_RAW"
        )
    return f"the kernel does not give {setting.address} to this master: {said}"


def _place(netlink: "IPRoute", setting: SharedIp, shared: IPv4Interface) -> Place:
    index, lifetime = _index(netlink, setting, shared), None
    for each in netlink.get_addr(index=index, family=AF_INET):
        if each.get_attr("IFA_LOCAL") == str(shared.ip):
            lifetime = each.get_attr("IFA_CACHEINFO")["ifa_valid"]
    (link,) = netlink.get_links(index)
    name = str(link.get_attr("IFLA_IFNAME"))
    if lifetime == FOR_EVER:
        raise RedirectionFailed(
            f"{shared.ip} is a fixed address of this master's {name}: choose one that nobody has"
        )
    hardware = decode_hex(str(link.get_attr("IFLA_ADDRESS")).replace(":", ""))
    return Place(index, name, hardware, is_new=lifetime is None)


def _index(netlink: "IPRoute", setting: SharedIp, shared: IPv4Interface) -> int:
    """The interface that the site names, or the one that lies in the address's network."""
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
        "say redirection.shared_ip.interface in the site's document"
    )
