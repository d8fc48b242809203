# pyright: reportUnknownMemberType=false
"""Changes of the configuration: how long one takes, how many go at once, how fast they spread."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.people import Administrator, administrator
from bench.results import Results
from shared.crypto.envelope import SIGNATURE_HEADER
from shared.domain.node import NodeRole
from shared.events.config import ConfigChanged
from shared.events.replication import FollowerProgressed
from stack import nats
from stack.site import Site

ROUNDS: Final = 7
CHANGES: Final = 40
WRITERS: Final = (1, 8, 64)
BURST: Final = 128
SETTLE_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 60.0
STAMP: Final = 3
"""Which field of the envelope tells when it was signed."""


async def measure(site: Site, results: Results) -> None:
    async with administrator(site) as admin:
        await _latency(admin, results)
        await _rate(admin, results)
        await _event_latency(site, admin, results)


async def _latency(admin: Administrator, results: Results) -> None:
    reads: list[list[float]] = []
    changes: list[list[float]] = []
    for _ in range(ROUNDS):
        reads.append([await admin.read() * 1e3 for _ in range(CHANGES)])
        changes.append([(await admin.change())[0] * 1e3 for _ in range(CHANGES)])
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        for subject, rounds in (("read", reads), ("meridian", changes)):
            values = [quantile(each, share) for each in rounds]
            results.add(f"change latency {name}", subject, values, "ms", beside="read")


def quantile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


async def _rate(admin: Administrator, results: Results) -> None:
    rates: dict[int, list[float]] = {writers: [] for writers in WRITERS}
    for _ in range(ROUNDS):
        for writers in WRITERS:
            rates[writers].append(await burst(admin, writers))
    for writers, values in rates.items():
        results.add("changes per second", f"{writers} writers", values, "1/s", beside="1 writers")


async def burst(admin: Administrator, writers: int) -> float:
    each = max(1, BURST // writers) if writers > 1 else BURST // 4

    async def write() -> None:
        for _ in range(each):
            await admin.change()

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return writers * each / (time.perf_counter() - began)


async def _event_latency(site: Site, admin: Administrator, results: Results) -> None:
    """From the signature of a fact to its arrival at a tool that knows no key of the cluster."""
    late: list[float] = []

    async def on_event(message: Msg) -> None:
        stamp = int((message.headers or {})[SIGNATURE_HEADER].split(";")[STAMP])
        late.append(time.time_ns() / 1e6 - stamp)

    values: list[float] = []
    async with _listening(site, nats.EVENTS_USER) as reader:
        events = reader.jetstream()
        await events.subscribe(
            ConfigChanged.subject.wildcard, stream="EVENTS", cb=on_event, ordered_consumer=True
        )
        await asyncio.sleep(SETTLE_SECONDS)
        for _ in range(ROUNDS):
            late.clear()
            for _ in range(CHANGES):
                await admin.change()
            await asyncio.sleep(SETTLE_SECONDS)
            values.append(statistics.median(late))
    results.add("event latency", "outside subscriber", values, "ms")


async def propagation(site: Site, results: Results) -> None:
    """From the sending of a change until the last traffic node has applied it."""
    followers = {node.name for node in site.layout.with_role(NodeRole.TRAFFIC)}
    reached: dict[str, int] = {}
    moved = asyncio.Event()

    async def on_progress(message: Msg) -> None:
        progress: dict[str, Any] = json.loads(message.data)
        reached[progress["node"]] = int(progress["revision"])
        moved.set()

    async def change() -> float:
        began = time.perf_counter()
        _, revision = await admin.change()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(reached.get(node, 0) < revision for node in followers):
                moved.clear()
                await moved.wait()
        return (time.perf_counter() - began) * 1e3

    async with administrator(site) as admin, _listening(site, nats.SERVICE_USER) as ear:
        await ear.subscribe(FollowerProgressed.subject.wildcard, cb=on_progress)
        await asyncio.sleep(SETTLE_SECONDS)
        values = [
            statistics.median([await change() for _ in range(CHANGES // 2)]) for _ in range(ROUNDS)
        ]
    results.add("config propagation", f"{len(followers)} followers", values, "ms")


@asynccontextmanager
async def _listening(site: Site, user: str) -> AsyncGenerator[Client]:
    """A plain connection, as any tool has one."""
    password = site.layout.secret(nats.secret_name(user)).read_text().strip()
    url = site.environment("alpha", "config")["MERIDIAN_NATS_SERVERS"].split(",")[0]
    client = Client()
    inbox = nats.EVENTS_INBOX if user == nats.EVENTS_USER else "_INBOX"
    await client.connect(url, user=user, password=password, inbox_prefix=inbox)
    try:
        yield client
    finally:
        await client.close()
