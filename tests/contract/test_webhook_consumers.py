# pyright: reportUnknownMemberType=false
"""What the durable consumers of webhooks promise: order, one pending event, delivery until done."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from services.webhooks.core.consumers import orphaned_consumers
from services.webhooks.delivery.consumers import Consumers, ConsumerSpec, EventQueue, StoredEvent
from shared.domain.errors import Unavailable
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import EVENTS, ensure_streams
from shared.runtime.clock import SystemClock
from tests.contract.servers import MEMORY, NATS, log_server
from tests.fakes.webhook_consumers import EventStream, MemoryConsumer, MemoryConsumers

SECONDS = 60.0
DELIVERY = "services.webhooks.delivery.consumers"
NAME = "webhook-a"
CONFIG, FAILOVER = "meridian.event.config.changed", "meridian.event.failover.primary_changed"
ALL = ("meridian.event.>",)
HOUR = timedelta(hours=1)
NEW = ConsumerSpec(NAME, ALL, None)


def now() -> datetime:
    return datetime.fromtimestamp(SystemClock().unix_ms() / 1_000, UTC)


class Case(ABC):
    """Two masters' ways to one stream of events."""

    alpha: Consumers
    bravo: Consumers

    @abstractmethod
    async def publish(self, *payloads: bytes, subject: str = CONFIG) -> None: ...
    @abstractmethod
    async def cut_off(self) -> None:
        """Nothing of alpha's reaches the servers any more."""

    @abstractmethod
    async def add_consumer(self, name: str) -> None:
        """Another tool makes a consumer of its own."""


class MemoryCase(Case):
    def __init__(self) -> None:
        self.stream, self.began = EventStream(), now()
        self.masters = MemoryConsumers(self.stream), MemoryConsumers(self.stream)
        self.alpha, self.bravo = self.masters

    async def publish(self, *payloads: bytes, subject: str = CONFIG) -> None:
        for payload in payloads:
            headers = {"content-type": "application/json"}
            at = self.began + timedelta(milliseconds=len(self.stream.events))
            self.stream.put(StoredEvent(subject, payload, headers, at, 1))

    async def cut_off(self) -> None:
        self.masters[0].is_reachable = False

    async def add_consumer(self, name: str) -> None:
        self.stream.consumers[name] = MemoryConsumer(ALL, 0)


@dataclass
class NatsCase(Case):
    client: Client
    other: Client

    def __post_init__(self) -> None:
        self.alpha, self.bravo = Consumers(self.client), Consumers(self.other)

    async def publish(self, *payloads: bytes, subject: str = CONFIG) -> None:
        headers = {"content-type": "application/json"}
        for payload in payloads:
            await self.other.jetstream().publish(subject, payload, headers=headers)

    async def cut_off(self) -> None:
        await self.client.close()

    async def add_consumer(self, name: str) -> None:
        config = ConsumerConfig(durable_name=name, filter_subjects=list(ALL))
        await self.other.jetstream().add_consumer(EVENTS, config)


@pytest_asyncio.fixture(params=[MEMORY, NATS])
async def case(request: pytest.FixtureRequest) -> AsyncGenerator[Case]:
    if request.param == MEMORY:
        yield MemoryCase()
        return
    server = log_server(request)
    account = server.new_account()
    async with server.connected(account) as client, server.connected(account) as other:
        await ensure_streams(jetstream_of(other), 1)
        yield NatsCase(client, other)


async def fetch(queue: EventQueue) -> StoredEvent:
    """The next event, however long it takes."""
    async with asyncio.timeout(SECONDS):
        while True:
            if (event := await queue.next()) is not None:
                return event


async def finish(queue: EventQueue) -> bytes:
    """Fetch the next event and acknowledge it; its payload."""
    event = await fetch(queue)
    await queue.done(event)
    return event.payload


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that brings nothing takes a moment."""
    monkeypatch.setattr(f"{DELIVERY}.FETCH_SECONDS", 0.2)


async def test_events_come_as_they_were_stored_and_in_order(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        await case.publish(b"3", subject=FAILOVER)
        first = await fetch(queue)
        assert (first.subject, first.payload, first.attempt) == (CONFIG, b"1", 1)
        assert first.headers == {"content-type": "application/json"}
        assert abs(first.stored_at - now()) < HOUR
        await queue.done(first)
        assert [await finish(queue), await finish(queue)] == [b"2", b"3"]


@pytest.mark.usefixtures("short")
async def test_where_nothing_comes_a_fetch_ends_with_nothing(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        assert await queue.next() is None


@pytest.mark.usefixtures("short")
async def test_the_next_event_waits_until_the_last_is_acknowledged(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        first = await fetch(queue)
        assert await queue.next() is None
        await queue.done(first)
        assert await finish(queue) == b"2"
        assert await queue.next() is None


async def test_an_event_that_waits_for_a_retry_comes_again_before_the_next(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        for attempt in (1, 2, 3):
            event = await fetch(queue)
            assert (event.payload, event.attempt) == (b"1", attempt)
            await queue.retry(event, 0.01)
        assert [await finish(queue), await finish(queue)] == [b"1", b"2"]


@pytest.mark.usefixtures("short")
async def test_a_retry_comes_no_sooner_than_its_delay(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        await queue.retry(await fetch(queue), SECONDS)
        assert await queue.next() is None


async def test_an_event_that_nobody_acknowledged_in_time_comes_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{DELIVERY}.ACK_WAIT_SECONDS", 0.1)
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        first = await fetch(queue)
        second = await fetch(queue)
        assert (second.payload, second.attempt) == (b"1", 2)
        await queue.done(first)
        assert await finish(queue) == b"2", "a late acknowledgement counts"


async def test_a_new_consumer_begins_with_the_next_event(case: Case) -> None:
    await case.publish(b"1")
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"2")
        assert await finish(queue) == b"2"


async def test_a_new_consumer_that_begins_in_the_past_replays(case: Case) -> None:
    await case.publish(b"1", b"2")
    async with case.alpha.open(ConsumerSpec(NAME, ALL, now() - HOUR)) as queue:
        assert [await finish(queue), await finish(queue)] == [b"1", b"2"]


async def test_a_new_consumer_begins_with_the_first_event_after_its_moment(case: Case) -> None:
    await case.publish(b"1", b"2")
    async with case.alpha.open(ConsumerSpec("webhook-b", ALL, now() - HOUR)) as queue:
        first = await fetch(queue)
        await queue.done(first)
        second = await fetch(queue)
    between = first.stored_at + (second.stored_at - first.stored_at) / 2
    async with case.alpha.open(ConsumerSpec(NAME, ALL, between)) as queue:
        assert await finish(queue) == b"2"


async def test_another_master_goes_on_where_the_last_one_was(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1", b"2")
        assert await finish(queue) == b"1"
    await case.publish(b"3")
    async with case.bravo.open(NEW) as queue:
        assert [await finish(queue), await finish(queue)] == [b"2", b"3"]


async def test_a_consumer_that_is_there_begins_nowhere_else(case: Case) -> None:
    await case.publish(b"1")
    async with case.alpha.open(NEW):
        await case.publish(b"2")
    async with case.bravo.open(ConsumerSpec(NAME, ALL, now() - HOUR)) as queue:
        assert await finish(queue) == b"2"


@pytest.mark.parametrize(
    ("pattern", "payloads"),
    [
        ("meridian.event.failover.>", [b"2"]),
        ("meridian.event.*.changed", [b"3"]),
        (CONFIG, [b"3"]),
        ("meridian.event.>", [b"2", b"3"]),
    ],
)
async def test_the_subjects_of_a_consumer_may_change(
    case: Case, pattern: str, payloads: list[bytes]
) -> None:
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"1")
        assert await finish(queue) == b"1"
    await case.publish(b"2", subject=FAILOVER)
    await case.publish(b"3", subject=CONFIG)
    async with case.bravo.open(ConsumerSpec(NAME, (pattern,), None)) as queue:
        assert await case.bravo.waiting(NAME) == len(payloads)
        assert [await finish(queue) for _ in payloads] == payloads
    assert await case.alpha.names() == [NAME], "it is the same one"


async def test_of_two_patterns_either_will_do(case: Case) -> None:
    patterns = ("meridian.event.failover.>", CONFIG)
    async with case.alpha.open(ConsumerSpec(NAME, patterns, None)) as queue:
        await case.publish(b"1", subject=FAILOVER)
        await case.publish(b"2", subject="meridian.event.session.changed")
        await case.publish(b"3", subject=CONFIG)
        assert [await finish(queue), await finish(queue)] == [b"1", b"3"]


async def test_what_waits_is_counted_with_what_is_pending(case: Case) -> None:
    async with case.alpha.open(NEW) as queue:
        assert await case.alpha.waiting(NAME) == 0
        await case.publish(b"1", b"2")
        assert await case.bravo.waiting(NAME) == 2
        first = await fetch(queue)
        assert await case.alpha.waiting(NAME) == 2
        await queue.retry(first, 0.01)
        assert await case.alpha.waiting(NAME) == 2
        assert await finish(queue) == b"1"
        assert await case.alpha.waiting(NAME) == 1


async def test_each_consumer_has_a_place_of_its_own(case: Case) -> None:
    second = ConsumerSpec("webhook-b", ALL, None)
    async with case.alpha.open(NEW) as one, case.alpha.open(second) as other:
        await case.publish(b"1", b"2")
        assert [await finish(one), await finish(one), await finish(other)] == [b"1", b"2", b"1"]
        assert (await case.alpha.waiting(NAME), await case.alpha.waiting("webhook-b")) == (0, 1)


async def test_consumers_of_webhooks_that_are_gone_are_found_and_deleted(case: Case) -> None:
    await case.add_consumer("history")
    for name in (NAME, "webhook-b", "webhook-c"):
        async with case.alpha.open(ConsumerSpec(name, ALL, None)):
            pass
    names = await case.bravo.names()
    assert sorted(names) == ["history", NAME, "webhook-b", "webhook-c"]
    orphans = orphaned_consumers(names, [NAME, "webhook-d"])
    assert orphans == ["webhook-b", "webhook-c"], "other tools keep theirs"
    for name in orphans:
        await case.bravo.delete(name)
    assert sorted(await case.alpha.names()) == ["history", NAME]


async def test_a_consumer_that_was_deleted_is_missing_and_made_anew(case: Case) -> None:
    async with case.alpha.open(NEW):
        await case.publish(b"1")
    await case.alpha.delete(NAME)
    with pytest.raises(NotFoundError):
        await case.alpha.delete(NAME)
    with pytest.raises(NotFoundError):
        await case.alpha.waiting(NAME)
    async with case.alpha.open(NEW) as queue:
        await case.publish(b"2")
        assert await finish(queue) == b"2"


async def test_without_a_connection_no_call_succeeds(case: Case) -> None:
    async with case.alpha.open(NEW):
        pass
    await case.cut_off()
    with pytest.raises(Unavailable):
        async with case.alpha.open(NEW):
            pass
    with pytest.raises(Unavailable):
        await case.alpha.names()
    with pytest.raises(Unavailable):
        await case.alpha.waiting(NAME)
    with pytest.raises(Unavailable):
        await case.alpha.delete(NAME)
    assert await case.bravo.names() == [NAME]
