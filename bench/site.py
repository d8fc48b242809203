"""A whole site: how long a change takes, how fast a session carries."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from bench import changes, questions
from bench.results import Results
from shared.domain.node import NodeRole
from stack.demo.programs import meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.layout import PLACES, Place
from stack.site import Site, SiteOptions

FOLLOWERS: Final = 50
ROUNDS: Final = 7
ROUND_BYTES: Final = 128 << 20
BLOCK_BYTES: Final = 256 * 1024
PINGS: Final = 500


async def measure(results: Results) -> None:
    """Start a site and measure it, one thing after the other."""
    await _starts(results)
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as name:
        async with Site.start(SiteOptions()) as site:
            await changes.measure(site, results)
            await changes.propagation(site, results)
            await _session(site, Path(name), results)
            await questions.measure(site, results)
    async with Site.start(SiteOptions(places=_many(), patience_seconds=300)) as site:
        await changes.propagation(site, results)


async def _starts(results: Results) -> None:
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async with Site.start(SiteOptions()):
            times.append(time.perf_counter() - began)
    results.add("site start", "meridian", times, "s")


def _many() -> tuple[Place, ...]:
    """Two masters, a witness, and many traffic nodes."""
    servers = [place for place in PLACES if place.role is not NodeRole.TRAFFIC]
    node = next(place for place in PLACES if place.role is NodeRole.TRAFFIC)
    return (*servers, *(replace(node, name=f"node-{number}") for number in range(FOLLOWERS)))


async def _session(site: Site, folder: Path, results: Results) -> None:
    environment = {
        "MERIDIAN_HOME": str(folder / "home"),
        "MERIDIAN_SITE": ",".join(site.gateway_urls),
        "MERIDIAN_CA_FILE": str(site.ca_file),
        "MERIDIAN_PASSWORD_FILE": str(site.layout.admin_password_file),
    }
    await run(*meridian("login", "admin"), env=environment)
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        carried = await Carried.open(port, free_port(), environment)
        stack.push_async_callback(carried.stop)
        bulk: dict[str, list[float]] = {"direct": [], "meridian": []}
        cpu = {name: list[float]() for name in ("share", "connect", "relay")}
        pings: dict[str, list[float]] = {"direct": [], "meridian": []}
        for _ in range(ROUNDS):
            bulk["direct"].append(await _bulk(port))
            before = _cpu_seconds(site, carried)
            bulk["meridian"].append(await _bulk(carried.port))
            for name, seconds in _cpu_seconds(site, carried).items():
                cpu[name].append((seconds - before[name]) / ROUND_BYTES * 1e9)
            pings["direct"].append(await _ping(port))
            pings["meridian"].append(await _ping(carried.port))
        results.add("tunnel bulk", "direct", bulk["direct"], "MB/s")
        results.add("tunnel bulk", "meridian", bulk["meridian"], "MB/s", beside="direct")
        for name, values in cpu.items():
            results.add("tunnel bulk, CPU", name, values, "s/GB")
        results.add("tunnel ping-pong 64 B", "direct", pings["direct"], "ms")
        results.add("tunnel ping-pong 64 B", "meridian", pings["meridian"], "ms", beside="direct")


def _cpu_seconds(site: Site, carried: Carried) -> dict[str, float]:
    """What each process on the way has used so far."""
    (relay,) = site.processes.of(carried.node, "relay")
    pids = {
        "share": carried.share.process.pid,
        "connect": carried.connect.process.pid,
        "relay": relay.pid,
    }
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: used.user + used.system for name, used in times.items()}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """`p` asks for an echo of 64 bytes, `b` for a round's bytes."""
    block = bytes(BLOCK_BYTES)
    while request := await reader.read(64):
        if request[:1] == b"p":
            writer.write(request)
        else:
            for _ in range(ROUND_BYTES // BLOCK_BYTES):
                writer.write(block)
                await writer.drain()
    writer.close()


async def _bulk(port: int) -> float:
    """MB/s of one round."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    start, arrived = time.perf_counter(), 0
    writer.write(b"b")
    while arrived < ROUND_BYTES:
        arrived += len(await reader.read(1 << 20))
    seconds = time.perf_counter() - start
    writer.close()
    return ROUND_BYTES / seconds / 1e6


async def _ping(port: int) -> float:
    """Milliseconds of one round trip, the mean of many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = b"p" + bytes(63)
    start = time.perf_counter()
    for _ in range(PINGS):
        writer.write(message)
        await reader.readexactly(64)
    seconds = time.perf_counter() - start
    writer.close()
    return seconds / PINGS * 1000
