"""A whole site: how long a change takes, how fast a session carries, how long a failover lasts."""

import asyncio
import itertools
import ssl
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx

from bench.results import Results
from stack.demo.programs import meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.demo.writer import Writer
from stack.site import Site, SiteOptions

CHANGES: Final = 100
BURST: Final = 64
ROUNDS: Final = 7
ROUND_BYTES: Final = 128 << 20
BLOCK_BYTES: Final = 256 * 1024
PINGS: Final = 500
FAILOVERS: Final = 3


async def measure(results: Results) -> None:
    """Start a site and measure it, one thing after the other."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as name:
        async with Site.start(SiteOptions()) as site:
            results.add("site start", "meridian", [time.perf_counter() - began], "s")
            await _changes(site, results)
            await _session(site, Path(name), results)
            await _failovers(site, results)


async def _changes(site: Site, results: Results) -> None:
    context = ssl.create_default_context(cafile=str(site.ca_file))
    async with httpx.AsyncClient(verify=context, timeout=20) as client:
        api = f"{site.gateway_urls[0]}/api/v1"
        login = {"username": "admin", "password": site.admin_password}
        token = (await client.post(f"{api}/login", json=login)).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        numbers = itertools.count()

        async def change() -> float:
            node = f"n{next(numbers)}"
            start = time.perf_counter()
            answer = await client.put(
                f"{api}/nodes/{node}", json={"role": "traffic"}, headers=headers
            )
            answer.raise_for_status()
            return time.perf_counter() - start

        reads: list[float] = []
        for _ in range(CHANGES):
            start = time.perf_counter()
            (await client.get(f"{api}/site", headers=headers)).raise_for_status()
            reads.append((time.perf_counter() - start) * 1000)
        results.add("change latency", "read", reads, "ms")
        times = [await change() * 1000 for _ in range(CHANGES)]
        results.add("change latency", "meridian", times, "ms", beside="read")
        start = time.perf_counter()
        await asyncio.gather(*(change() for _ in range(BURST)))
        rate = BURST / (time.perf_counter() - start)
        results.add(f"changes/s, {BURST} writers", "meridian", [rate], "1/s")


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
        pings: dict[str, list[float]] = {"direct": [], "meridian": []}
        for _ in range(ROUNDS):
            for subject, where in (("direct", port), ("meridian", carried.port)):
                bulk[subject].append(await _bulk(where))
                pings[subject].append(await _ping(where))
        results.add("tunnel bulk", "direct", bulk["direct"], "MB/s")
        results.add("tunnel bulk", "meridian", bulk["meridian"], "MB/s", beside="direct")
        results.add("tunnel ping-pong 64 B", "direct", pings["direct"], "ms")
        results.add("tunnel ping-pong 64 B", "meridian", pings["meridian"], "ms", beside="direct")


async def _failovers(site: Site, results: Results) -> None:
    writer = Writer(site.gateway_urls, site.ca_file, site.admin_password)
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.run(stop))
    times: list[float] = []
    for _ in range(FAILOVERS):
        await asyncio.sleep(5)
        primary = await site.primary()
        assert primary is not None, "a site that is ready has a primary"
        killed_at = time.monotonic()
        await site.kill_master(primary)
        await _proposed_after(writer, killed_at)
        times.append(writer.acknowledged[-1][2] - killed_at)
        await site.start_master(primary)
    stop.set()
    await writing
    results.add("failover, machine killed", "meridian", times, "s")
    lost = {name for name, _, _ in writer.acknowledged} - await writer.found()
    results.add("changes lost", "meridian", [float(len(lost))], "")


async def _proposed_after(writer: Writer, moment: float) -> None:
    while True:
        if writer.acknowledged and writer.acknowledged[-1][1] > moment:
            return
        await asyncio.sleep(0.01)


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
