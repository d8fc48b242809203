"""A network of our own, in which packets can be lost and a node cut off.

The benchmark runs in a network namespace that has nothing but its loopback, so its rules touch
nobody else, and none is left behind. It needs root, `unshare`, `ip` and `iptables`; without them
whatever needs the network is left out, and said to be.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from stack.layout import Layout, NodeLayout

INSIDE: Final = "BENCH_NETWORK"
PROGRAMS: Final = ("unshare", "ip", "iptables", "iptables-restore")
DROP: Final = ("-j", "DROP")
BOTH_WAYS: Final = ("--sport", "--dport")

Rule = tuple[str, ...]


def enter() -> None:
    """Run this program again in a namespace of its own, where that can be; else go on here."""
    if INSIDE in os.environ or missing():
        return
    command = 'ip link set lo up && exec "$@"'
    words = ["unshare", "--net", "--", "sh", "-c", command, "sh", sys.executable, "-m", "bench"]
    os.execvpe(words[0], [*words, *sys.argv[1:]], {**os.environ, INSIDE: "1"})  # noqa: S606


def missing() -> str:
    """Why there is no network of our own; empty when there is, or can be."""
    if os.geteuid() != 0:
        return "it needs root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"it needs {' and '.join(absent)}"
    attempt = subprocess.run(
        ["unshare", "--net", "--", "iptables", "-A", "INPUT", "-p", "tcp", *loss(0.5)],
        capture_output=True,
        check=False,
    )
    return "" if attempt.returncode == 0 else "its kernel refuses rules for packets"


def loss(share: float) -> Rule:
    """What loses that share of the packets."""
    return ("-m", "statistic", "--mode", "random", "--probability", f"{share:.4f}", *DROP)


@dataclass(frozen=True)
class Cut:
    """Rules that keep a node from all others."""

    rules: tuple[Rule, ...]

    @classmethod
    def around(cls, layout: Layout, name: str) -> "Cut":
        """What cuts *name* off.

        Its own services still reach its own servers. Between NATS servers the connections that are
        open are dropped by their ports, and new ones to any of them are not made. A traffic node
        that is attached to its server is cut off with it.
        """
        node = layout.node(name)
        assert node.nats is not None, "only masters are cut off"
        others = [each for each in layout.servers if each.nats and each != node]
        cluster = [each.nats.cluster for each in others if each.nats]
        rules = [*_both_ways(_doors(node)), *_both_ways(_dialled(node, cluster))]
        rules += [("--dport", str(port), "--syn", *DROP) for port in cluster]
        return cls(tuple(rules))

    async def fall(self) -> None:
        """Let nothing through from now on."""
        await _change("-A", self.rules)

    async def heal(self) -> None:
        """Let everything through again."""
        await _change("-D", self.rules)


@asynccontextmanager
async def losing(share: float) -> AsyncGenerator[None]:
    """Lose that share of all packets for as long as the block runs."""
    rules = [loss(share)]
    await _change("-A", rules)
    try:
        yield
    finally:
        await _change("-D", rules)


def _doors(node: NodeLayout) -> list[int]:
    """Where others reach *node*: its place among the NATS servers, its relay and its front door."""
    assert node.nats is not None, "only masters are cut off"
    return [node.nats.cluster, node.gateway, node.relay]


def _dialled(node: NodeLayout, cluster: Iterable[int]) -> list[int]:
    """The own ports of the connections that *node*'s server has made to the others."""
    assert node.nats is not None, "only masters are cut off"
    found = psutil.net_connections("tcp4")
    server = next(
        each.pid
        for each in found
        if each.status == psutil.CONN_LISTEN and _port(each.laddr) == node.nats.cluster
    )
    wanted = set(cluster)
    return [
        _port(each.laddr) for each in found if each.pid == server and _port(each.raddr) in wanted
    ]


def _port(address: object) -> int:
    """The port of an address as the kernel lists it; 0 when there is none."""
    return int(getattr(address, "port", 0))


def _both_ways(ports: Iterable[int]) -> list[Rule]:
    return [(way, str(port), *DROP) for port in ports for way in BOTH_WAYS]


async def _change(do: str, rules: Iterable[Rule]) -> None:
    """Add or delete rules, all at once."""
    lines = [" ".join((do, "INPUT", "-i", "lo", "-p", "tcp", *rule)) for rule in rules]
    process = await asyncio.create_subprocess_exec(
        "iptables-restore", "--wait", "--noflush", stdin=asyncio.subprocess.PIPE
    )
    await process.communicate("\n".join(["*filter", *lines, "COMMIT", ""]).encode())
    if process.returncode:
        raise OSError("iptables refused the rules")
