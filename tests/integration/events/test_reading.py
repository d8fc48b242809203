# pyright: reportUnknownMemberType=false
"""Events read from a real server with the read-only credential."""

import asyncio
import json
from collections.abc import Generator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import ConsumerConfig

from clients.events.keys import Examiner
from clients.events.reading import Access, Raw, Reader
from clients.events.wishes import pattern
from shared.domain.errors import BadSettings, Unavailable
from shared.domain.liveness import Liveness
from shared.events.node import NodeStateChanged
from tests.integration.events.server import ALPHA, READER, SERVICE, Ground, failover
from tests.integration.servers import until

SECONDS = 60.0
FORBIDDEN = (
    "meridian.event.failover.primary_changed",
    "meridian.config.propose",
    "$JS.API.STREAM.DELETE.EVENTS",
    "$JS.API.STREAM.PURGE.EVENTS",
    "$JS.API.STREAM.UPDATE.EVENTS",
    "$JS.API.STREAM.MSG.DELETE.EVENTS",
    "$JS.API.CONSUMER.DELETE.EVENTS.somebody-elses",
    "$JS.API.STREAM.INFO.SESSIONS",
    "$JS.API.CONSUMER.CREATE.SESSIONS",
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NODE_NEWS = NodeStateChanged(node=ALPHA, state=Liveness.DEAD, previous=None, cause="a test")


@pytest.fixture
def ground(tmp_path: Path) -> Generator[Ground]:
    ground = Ground.start(tmp_path / "nats")
    yield ground
    ground.server.kill()


def reader(ground: Ground, said: list[str] | None = None, **more: Any) -> Reader:
    warn = (list[str]() if said is None else said).append
    wishes: dict[str, Any] = {"access": ground.access(), "pattern": pattern(None), **more}
    return Reader(warn=warn, **wishes)


async def taken(events: Reader, count: int) -> list[Raw]:
    """The next *count* events; the last one is not acknowledged, as nothing was asked after it."""
    found: list[Raw] = []
    async with asyncio.timeout(SECONDS), aclosing(events.events()) as each:
        async for raw in each:
            found.append(raw)
            if len(found) == count:
                return found
    raise AssertionError("the events ended")


def epochs(events: list[Raw]) -> list[int]:
    return [json.loads(raw.payload)["epoch"] for raw in events]


async def test_events_come_in_order_and_prove_who_said_them(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(*(failover(epoch) for epoch in range(1, 6)))

    events = await taken(reader(ground, since=LONG_AGO), 5)

    examiner = Examiner(lambda: dict(ground.keys))
    said = [examiner.check(raw.testimony, raw.subject, raw.payload) for raw in events]
    assert epochs(events) == [1, 2, 3, 4, 5]
    assert {each.node for each in said} == {ALPHA}
    assert len({each.id for each in said}) == 5


async def test_a_filter_and_a_time_choose(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(failover(1), NODE_NEWS, failover(2))

    wanted = pattern("failover")
    events = await taken(reader(ground, since=LONG_AGO, pattern=wanted), 2)
    assert epochs(events) == [1, 2]

    late = reader(ground, since=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await taken(late, 1)


async def test_without_a_time_only_what_comes_is_read(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(failover(1))
    reading = asyncio.create_task(taken(fresh := reader(ground), 1))
    async with asyncio.timeout(SECONDS):
        while fresh.last is None:
            await asyncio.sleep(0.05)
    await ground.tell(failover(2))

    assert epochs(await reading) == [2]


async def test_a_durable_reader_goes_on_after_what_it_dealt_with(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(*(failover(epoch) for epoch in range(1, 5)))
    first = await taken(reader(ground, since=LONG_AGO, durable="my-tool"), 3)
    said: list[str] = []

    # The third was handed out and not acknowledged, the fourth was fetched with it.
    again = await taken(reader(ground, said, since=LONG_AGO, durable="my-tool"), 2)

    assert epochs(first) == [1, 2, 3]
    assert epochs(again) == [3, 4]
    assert "'my-tool' goes on where it stopped; --since is for a new one" in said
    with pytest.raises(BadSettings, match=r"was made for meridian\.event\.>: use that filter"):
        await taken(reader(ground, durable="my-tool", pattern=pattern("failover")), 1)


async def test_a_wrong_password_is_told_in_words(ground: Ground) -> None:
    with pytest.raises(BadSettings, match=r"refuses user 'events'.*--password-file"):
        await taken(reader(ground, access=ground.access("a guess")), 1)


async def test_a_server_that_is_not_there_is_named(ground: Ground) -> None:
    nobody = Access(("nats://127.0.0.1:9",), READER, "x")

    with pytest.raises(Unavailable, match=r"no server can be reached \(nats://127.0.0.1:9: "):
        await taken(reader(ground, access=nobody), 1)


async def test_a_site_without_events_says_so(ground: Ground) -> None:
    with pytest.raises(Unavailable, match="there is no stream EVENTS"):
        await taken(reader(ground), 1)


async def test_a_reader_outlives_its_server_and_misses_nothing(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(failover(1))
    said: list[str] = []
    reading = asyncio.create_task(taken(outliving := reader(ground, said, since=LONG_AGO), 3))
    async with asyncio.timeout(SECONDS):
        while outliving.last is None:
            await asyncio.sleep(0.05)
    ground.server.kill()
    async with asyncio.timeout(SECONDS):
        while not said:
            await asyncio.sleep(0.05)
    ground.server.start()
    until(ground.server.is_ready, "the NATS server")
    await ground.tell(failover(2), failover(3))

    assert epochs(await reading) == [1, 2, 3]
    assert "trying again" in said[0]
    assert "connected again" in said


async def test_a_subscriber_may_not_publish_nor_touch_a_stream(ground: Ground) -> None:
    await ground.make_stream()
    await ground.tell(failover(1))
    refusals: list[str] = []

    async def on_error(error: Exception) -> None:
        refusals.append(str(error).lower())

    async with ground.connected(READER, on_error) as (client, _):
        for subject in FORBIDDEN:
            await client.publish(subject, b"{}")
            async with asyncio.timeout(SECONDS):
                while not any(f'publish to "{subject.lower()}"' in each for each in refusals):
                    await asyncio.sleep(0.02)
    async with ground.connected(SERVICE) as (_, jetstream):
        assert (await jetstream.stream_info("EVENTS")).state.messages == 1


async def test_a_subscriber_that_stops_reading_disturbs_nobody(ground: Ground) -> None:
    await ground.make_stream()
    async with ground.connected(READER) as (_, jetstream):
        config = ConsumerConfig(durable_name="asleep", filter_subject="meridian.event.>")
        await jetstream.add_consumer("EVENTS", config)
        asleep = await jetstream.pull_subscribe_bind(consumer="asleep", stream="EVENTS")
        await ground.tell(failover(1))
        assert len(await asleep.fetch(1, timeout=SECONDS)) == 1  # and never asks again

        await ground.tell(*(failover(epoch) for epoch in range(2, 300)))
        awake = await taken(reader(ground, since=LONG_AGO), 299)

        assert epochs(awake) == list(range(1, 300))
        info = await jetstream.consumer_info("EVENTS", "asleep")
        assert info.num_pending == 298
