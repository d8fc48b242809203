"""Connections in bulk, as an attacker at a relay's port makes them."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Generator
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Flood:
    """Connections that are made and kept, each from one of several loopback addresses."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: list[socket.socket] = []

    async def come(self, count: int, *sources: str, first: bytes = b"") -> None:
        """Make *count* connections from *sources* in turn, each with *first* as its first bytes."""
        loop = asyncio.get_running_loop()
        for number in range(count):
            connection = socket.socket()
            self._connections.append(connection)
            connection.setblocking(False)
            connection.bind((sources[number % len(sources)], 0))
            async with asyncio.timeout(10):
                await loop.sock_connect(connection, (LOOPBACK, self._port))
            if first:
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(connection, first)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()


@contextlib.contextmanager
def flood(port: int) -> Generator[Flood]:
    with contextlib.closing(Flood(port)) as made:
        yield made


@contextlib.contextmanager
def descriptors(soft: int | None = None) -> Generator[None]:
    """Allow *soft* descriptors inside the block, or as many as the system does."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft or before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident_bytes(pid: int) -> int:
    """The memory of the process *pid* that is not shared with files."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say how large a process is")


def many_sources(count: int) -> list[str]:
    """As many addresses of this machine's loopback."""
    return [f"127.{1 + number // 200}.0.{1 + number % 200}" for number in range(count)]
