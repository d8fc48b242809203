"""The relay's data plane beside other forwarders: bulk bytes and small messages."""

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.results import Results
from bench.ways import Ends, every_way, missing

ROUNDS: Final = 9
BULK_BYTES: Final = 1 << 30
BLOCK_BYTES: Final = 256 * 1024
PINGS: Final = 8_000
PING_BYTES: Final = 64


def measure(results: Results) -> None:
    """All ways in turn, round after round, so that a slow minute of the machine meets each."""
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as name:
        with every_way(Path(name)) as ways:
            bulk: dict[str, list[float]] = {way.name: [] for way in ways}
            pings: dict[str, list[float]] = {way.name: [] for way in ways}
            for _ in range(ROUNDS):
                for way in ways:
                    bulk[way.name].append(_bulk(way.meet()))
                    pings[way.name].append(_ping(way.meet()))
        for way in ways:
            results.add("relay bulk", way.name, bulk[way.name], "MB/s", beside="direct")
            results.add("relay ping-pong 64 B", way.name, pings[way.name], "us", beside="direct")
        for peer in missing(ways):
            sys.stdout.write(f"{peer} is not installed and was left out\n")


def _bulk(ends: Ends) -> float:
    """MB/s from a child process at one end to us at the other."""
    near, far = ends
    child = _fork(lambda: _pour(near))
    buffer, arrived = bytearray(BLOCK_BYTES), 0
    began = time.perf_counter()
    while arrived < BULK_BYTES:
        arrived += _some(far.recv_into(buffer))
    seconds = time.perf_counter() - began
    _close(ends, child)
    return BULK_BYTES / seconds / 1e6


def _pour(end: socket.socket) -> None:
    block, sent = bytes(BLOCK_BYTES), 0
    while sent < BULK_BYTES:
        sent += end.send(block)


def _ping(ends: Ends) -> float:
    """Microseconds of one round trip between a child process and us."""
    near, far = ends
    child = _fork(lambda: _echo(far))
    message = bytes(PING_BYTES)
    began = time.perf_counter()
    for _ in range(PINGS):
        near.sendall(message)
        _exactly(near)
    seconds = time.perf_counter() - began
    _close(ends, child)
    return seconds / PINGS * 1e6


def _echo(end: socket.socket) -> None:
    for _ in range(PINGS):
        end.sendall(_exactly(end))


def _exactly(end: socket.socket) -> bytes:
    data = end.recv(PING_BYTES)
    while len(data) < PING_BYTES:
        more = end.recv(PING_BYTES - len(data))
        _some(len(more))
        data += more
    return data


def _some(size: int) -> int:
    if not size:
        raise EOFError("the other end is gone")
    return size


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def _close(ends: Ends, child: int) -> None:
    os.waitpid(child, 0)
    for end in ends:
        end.close()
