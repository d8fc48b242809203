"""Two masters and a neighbour on one Ethernet, each in a network namespace of its own."""

import os
import secrets
import socket
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

if sys.platform == "linux":
    from pyroute2 import IPRoute, netns
    from pyroute2.netlink.exceptions import NetlinkError
else:
    pytest.skip("network namespaces are Linux's", allow_module_level=True)

NEIGHBOUR, ALPHA, BRAVO = "neighbour", "alpha", "bravo"
OWN = {NEIGHBOUR: "192.0.2.1", ALPHA: "192.0.2.2", BRAVO: "192.0.2.3"}
PORT = 7443
ARP = 0x0806
SECONDS = 15.0


@dataclass(frozen=True)
class Ethernet:
    """What tells one run's namespaces from another's, and one master's server from the other's."""

    mark: str
    servers: dict[str, socket.socket]

    @contextmanager
    def inside(self, machine: str) -> Generator[None]:
        """Be on *machine*, with this thread and those that it starts."""
        netns.pushns(self.name(machine))
        try:
            yield
        finally:
            netns.popns()

    def name(self, machine: str) -> str:
        return f"{self.mark}-{machine}"

    def who_answers(self, address: str) -> str | None:
        """Which master the neighbour reaches at *address*; None when nobody answers."""
        with self.inside(NEIGHBOUR):
            try:
                caller = socket.create_connection((address, PORT), timeout=1.0)
            except OSError:
                return None
        with caller:
            for machine, server in self.servers.items():
                try:
                    answered, _ = server.accept()
                except BlockingIOError:
                    continue
                answered.close()
                return machine
        return None

    @contextmanager
    def listener(self) -> Generator[socket.socket]:
        """What the neighbour hears of ARP."""
        with self.inside(NEIGHBOUR):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
            wire.bind(("bridge", ARP))
        wire.settimeout(SECONDS)
        with wire:
            yield wire

    def claimed(self, wire: socket.socket) -> tuple[str, str]:
        """The next address that a machine claims for itself, and the machine's hardware."""
        while True:
            frame = wire.recv(1_500)
            sender, target = frame[28:32], frame[38:42]
            if frame[:6] == b"\xff" * 6 and sender == target:
                return socket.inet_ntoa(sender), frame[22:28].hex(":")

    def hardware(self, machine: str) -> str:
        with self.inside(machine), ThreadPoolExecutor(1) as apart:
            return apart.submit(_hardware).result()

    def lifetimes(self, machine: str) -> dict[str, int]:
        """The addresses of *machine*, each with the seconds that it has left."""
        with self.inside(machine), ThreadPoolExecutor(1) as apart:  # whose loop is not ours
            return apart.submit(_lifetimes).result()


def _lifetimes() -> dict[str, int]:
    with IPRoute() as kernel:
        return {
            str(each.get_attr("IFA_LOCAL")): int(each.get_attr("IFA_CACHEINFO")["ifa_valid"])
            for each in kernel.get_addr(family=socket.AF_INET)
        }


def _hardware() -> str:
    with IPRoute() as kernel:
        (link,) = kernel.get_links(*kernel.link_lookup(ifname="cable"))
        return str(link.get_attr("IFLA_ADDRESS"))


@contextmanager
def ethernet() -> Generator[Ethernet]:
    """A bridge at the neighbour's, and one cable from it to each master."""
    found = Ethernet(f"m{os.getpid() % 10_000}{secrets.token_hex(2)}", {})
    with ExitStack() as undo:
        try:
            for machine in OWN:
                netns.create(found.name(machine))
                undo.callback(netns.remove, found.name(machine))
            _lay(found)
        except (OSError, NetlinkError) as error:  # also root may be without them, in a container
            pytest.skip(f"no network namespaces here: {error}")
        for machine in (ALPHA, BRAVO):
            with found.inside(machine):
                server = undo.enter_context(socket.create_server(("0.0.0.0", PORT)))
            server.setblocking(False)
            found.servers[machine] = server
        yield found


def _lay(found: Ethernet) -> None:
    with found.inside(NEIGHBOUR), IPRoute() as kernel:
        list(kernel.link("add", ifname="bridge", kind="bridge"))
        (bridge,) = kernel.link_lookup(ifname="bridge")
        _up(kernel, bridge, OWN[NEIGHBOUR])
        for machine in (ALPHA, BRAVO):
            there = {"ifname": "cable", "net_ns_fd": found.name(machine)}
            list(kernel.link("add", ifname=machine, kind="veth", peer=there))
            (cable,) = kernel.link_lookup(ifname=machine)
            list(kernel.link("set", index=cable, master=bridge, state="up"))
    for machine in (ALPHA, BRAVO):
        with found.inside(machine), IPRoute() as kernel:
            (cable,) = kernel.link_lookup(ifname="cable")
            _up(kernel, cable, OWN[machine])


def _up(kernel: IPRoute, index: int, address: str) -> None:
    list(kernel.addr("add", index=index, address=address, prefixlen=24))
    list(kernel.link("set", index=index, state="up"))
