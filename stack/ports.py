"""Ports for a site: a block of consecutive numbers below those that the kernel hands out.

The first port of a block is its guard: the supervisor binds it and keeps it for the site's life.
A bind is exclusive over all users of the machine and ends with the process, so two sites that
start at once never choose the same block, and no lock file can be left behind. The others are
tried once; what takes one of them later makes the start fail with `PortTaken`, and it begins anew.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
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
    """Ports *guard* + 1 to *guard* + 63, ours until `close`."""

    guard: int
    _socket: socket.socket
    _next: int = field(default=1)

    def take(self) -> int:
        """Give the next port of the block."""
        assert self._next < BLOCK, "a site needs fewer ports than a block has"
        self._next += 1
        return self.guard + self._next - 1

    def close(self) -> None:
        self._socket.close()


def reserve() -> PortBlock:
    """Reserve a block whose ports are all free.

    Raises:
        PortTaken: there is none.
    """
    for guard in _candidates():
        block = _try(guard)
        if block is not None:
            return block
    raise PortTaken(f"no {BLOCK} consecutive free ports between {LOWEST} and {_end()}")


def reserve_again(guard: int) -> PortBlock:
    """Reserve the block that a kept site has had before.

    Raises:
        PortTaken: one of its ports is in use.
    """
    block = _try(guard)
    if block is None:
        raise PortTaken(
            f"a port between {guard} and {guard + BLOCK - 1} is in use, and the site's documents "
            "name these; is it running already?"
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


def _try(guard: int) -> PortBlock | None:
    keeper = socket.socket()
    try:
        keeper.bind((HOST, guard))
        if all(is_free(port) for port in range(guard + 1, guard + BLOCK)):
            return PortBlock(guard, keeper)
    except OSError:
        pass
    keeper.close()
    return None


def _end() -> int:
    """Where the ports begin that the kernel gives to connections."""
    try:
        lowest = int(KERNEL_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        return HIGHEST
    return min(HIGHEST, lowest) if lowest >= LOWEST + BLOCK else HIGHEST


def _candidates() -> Iterator[int]:
    """Name every block once, each process beginning elsewhere."""
    count = (_end() - LOWEST) // BLOCK
    start = os.getpid() % count
    for number in range(count):
        yield LOWEST + BLOCK * ((start + number) % count)
