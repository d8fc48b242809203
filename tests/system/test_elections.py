"""The server that leads the log's streams is killed: nothing can be written, and nothing moves."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import httpx
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from stack.demo.writer import ChangeWriter
from stack.site import Site
from tests.integration.failover_monitor.site import connect
from tests.system.people import until

STREAMS = ("LOG-1", "KV_lease", "SESSIONS")
WITNESS = "witness"
ELECTION_SECONDS = 20.0
"""More than any election takes, also on a busy machine."""


@dataclass
class Watch:
    """What the primary's gateway says of its role, and to who signs in, asked again and again."""

    url: str
    writer: ChangeWriter
    roles: list[tuple[int, int | None]] = field(default_factory=list[tuple[int, int | None]])
    sign_ins: list[int] = field(default_factory=list[int])

    async def ask_for_role(self) -> None:
        async with self.writer.client() as client:
            while True:
                answer = await client.get(f"{self.url}/role")
                self.roles.append((answer.status_code, answer.json()["epoch"]))
                await asyncio.sleep(0.02)

    async def sign_in(self) -> None:
        body = {"username": "admin", "password": self.writer.password}
        async with self.writer.client() as client:
            while True:
                answer = await client.post(f"{self.url}/api/v1/login", json=body)
                self.sign_ins.append(answer.status_code)
                await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def watching(site: Site, primary: str, writer: ChangeWriter) -> AsyncGenerator[Watch]:
    names = [str(node.name) for node in site.layout.masters if node.gateway]
    watch = Watch(dict(zip(names, site.gateway_urls, strict=True))[primary], writer)
    tasks = [asyncio.create_task(each()) for each in (watch.ask_for_role, watch.sign_in)]
    try:
        yield watch
        broken = [task.exception() for task in tasks if task.done()]
        assert broken == [], "the primary always answers"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def leaders(client: Client) -> set[str]:
    found = set[str]()
    for name in STREAMS:
        with contextlib.suppress(NatsError, TimeoutError):
            info = await JetStreamContext(client, timeout=1).stream_info(name)
            found.add(str(info.cluster.leader) if info.cluster else "")
    return found


async def until_witness_leads(site: Site) -> None:
    client = await connect(site.layout, "service", "alpha", "bravo")
    try:
        async with asyncio.timeout(60):
            while await leaders(client) != {WITNESS}:
                await asyncio.sleep(0.2)
    finally:
        await client.close()


@pytest.mark.timeout(240)
async def test_losing_the_server_that_leads_the_streams_moves_no_role(site: Site) -> None:
    await site.wait_ready()
    await until_witness_leads(site)
    primary = await site.primary()
    assert primary is not None
    writer = ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password, prefix="election")
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.run(stop))
    await until(lambda: len(writer.acknowledged) > 10)
    try:
        async with watching(site, primary, writer) as watch:
            killed_at = time.monotonic()
            await site.processes.kill(site.processes.of(WITNESS, "nats"))
            await until(lambda: writer.acknowledged[-1][1] > killed_at + 1, ELECTION_SECONDS)
    finally:
        await site.start_service(WITNESS, "nats")
        stop.set()
        await writing
    ended = [at for _, _, at in writer.acknowledged]
    pause = max(after - before for before, after in itertools.pairwise(ended))
    assert pause > 1, "the server that led was killed"
    assert set(watch.roles) == {(httpx.codes.OK, watch.roles[0][1])}, "the same epoch all along"
    assert set(watch.sign_ins) == {httpx.codes.OK}
    assert len(watch.roles) > 10
    await site.wait_ready()
