"""Ports for a site: a block of consecutive numbers below those that the kernel hands out.

The first port of a block is its guard: the supervisor binds it and keeps it for the site's life.
A bind is exclusive over all users of the machine and ends with the process, so two sites that
start at once never choose the same block, and no lock file can be left behind. The others are
tried once; what takes one of them later makes the start fail with `PortTaken`, and it begins anew.
A site that needs more ports than a block has takes several in a row, each with its guard.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.failure import PortTaken

HOST: Final = "127.0.0.1"
BLOCK: Final = 64
LOWEST: Final = 11_008
HIGHEST: Final = 32_768
KERNEL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass
class PortBlock:
    """The ports after *guard*, ours until `close`: 63 of each block in a row."""

    guard: int
    _guards: ExitStack
    _ports: Iterator[int]

    def take(self) -> int:
        """Give the next port."""
        port = next(self._ports, None)
        assert port is not None, "a site asks for as many ports as it reserved"
        return port

    def close(self) -> None:
        self._guards.close()


def reserve(ports: int = BLOCK - 1) -> PortBlock:
    """Reserve blocks for so many *ports*, all of them free.

    Raises:
        PortTaken: there are none.
    """
    blocks = _blocks(ports)
    for guard in _candidates(blocks):
        block = _try(guard, blocks)
        if block is not None:
            return block
    raise PortTaken(f"no {BLOCK * blocks} consecutive free ports between {LOWEST} and {_end()}")


def reserve_again(guard: int, ports: int = BLOCK - 1) -> PortBlock:
    """Reserve the blocks that a kept site of so many *ports* has had before.

    Raises:
        PortTaken: one of its ports is in use.
    """
    blocks = _blocks(ports)
    block = _try(guard, blocks)
    if block is None:
        raise PortTaken(
            f"a port between {guard} and {guard + BLOCK * blocks - 1} is in use, and the site's "
            "documents name these; is it running already?"
        )
    return block


def is_free(port: int) -> bool:
    """Say whether a server could listen on *port* now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def _blocks(ports: int) -> int:
    return -(-ports // (BLOCK - 1))


def _try(guard: int, blocks: int) -> PortBlock | None:
    every = range(guard, guard + BLOCK * blocks)
    ports = [port for port in every if (port - guard) % BLOCK]
    with ExitStack() as guards:
        try:
            for port in every[::BLOCK]:
                guards.enter_context(socket.socket()).bind((HOST, port))
        except OSError:
            return None
        if all(is_free(port) for port in ports):
            return PortBlock(guard, guards.pop_all(), iter(ports))
    return None


def _end() -> int:
    """Return the first of the ports that the kernel gives to connections."""
    try:
        lowest = int(KERNEL_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        return HIGHEST
    return min(HIGHEST, lowest) if lowest >= LOWEST + BLOCK else HIGHEST


def _candidates(blocks: int) -> Iterator[int]:
    """Name every place for *blocks* in a row once, each process beginning elsewhere."""
    count = (_end() - LOWEST) // BLOCK - blocks + 1
    start = os.getpid() % max(1, count)
    for number in range(count):
        yield LOWEST + BLOCK * ((start + number) % count)
