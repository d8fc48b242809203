"""The runner of the monitor: every effect is performed, and every answer goes back."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.failover_monitor.core.facts import VotesCollected
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.monitor import Monitor, MonitorStatus
from services.failover_monitor.core.record import Holder, LeaseRecord
from services.failover_monitor.core.timing import Timing
from services.failover_monitor.lease.announcer import RoleAnnouncer
from services.failover_monitor.lease.calls import Calls, ChecksHealth
from services.failover_monitor.lease.runner import MonitorRunner
from shared.domain.ids import Epoch, NodeId
from shared.events.failover import (
    MasterGranted,
    PrimaryChanged,
    PrimarySteppedDown,
    PromiseTerms,
)
from shared.events.message import Event
from shared.runtime.clock import SystemClock
from shared.runtime.grant import GrantHolder
from tests.fakes.containment import contained
from tests.fakes.lease import MemoryLease
from tests.fakes.proofs import working

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
HASTE = Timing(
    renew_seconds=0.02,
    ttl_seconds=0.12,
    margin_seconds=0.01,
    heartbeat_seconds=0.01,
    leaders_seconds=1,
)


@dataclass
class FakeBus:
    published: list[Event] = field(default_factory=list[Event])
    has_published: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, event: Event) -> None:
        self.emit(event)

    def emit(self, event: Event) -> None:
        self.published.append(event)
        self.has_published.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.has_published.clear()
                await self.has_published.wait()

    def grants(self) -> list[MasterGranted]:
        return [event for event in self.published if isinstance(event, MasterGranted)]


class NoVotes:
    """No other master votes."""

    async def collect(self, terms: PromiseTerms) -> VotesCollected:
        return VotesCollected(terms.number, frozenset({BRAVO}))


class Healthy:
    async def check(self) -> HealthReport:
        return HealthReport(proofs=working(SystemClock().now()))


@dataclass
class Broken:
    error: Exception

    async def check(self) -> HealthReport:
        raise self.error


@dataclass
class Running:
    """Alpha's monitor at work, with what it calls and what it publishes."""

    health: ChecksHealth = field(default_factory=Healthy)
    bus: FakeBus = field(default_factory=FakeBus)
    lease: MemoryLease = field(default_factory=MemoryLease)
    monitor: Monitor = field(default_factory=lambda: Monitor(Holder(ALPHA, "a1"), HASTE))
    on_acquired: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    runner: MonitorRunner = field(init=False)

    def __post_init__(self) -> None:
        announcer = RoleAnnouncer(ALPHA, "boot", self.bus, self.bus, self.on_acquired)
        calls = Calls(self.lease, self.health, NoVotes(), contained())
        self.runner = MonitorRunner(self.monitor, calls, announcer, SystemClock())

    def status(self) -> MonitorStatus:
        return self.monitor.status(SystemClock().now())

    async def lose_lease_to(self, holder: NodeId) -> None:
        """Another master writes the lease, and this one reads it."""
        key = self.lease.servers
        record = LeaseRecord(Epoch(2), holder, f"{holder}-1", 1, 60, 1)
        assert isinstance(key.write(record, key.key.revision), int)
        async with asyncio.timeout(5):
            while self.status().holder != holder:
                self.lease.reads.clear()
                await self.lease.reads.wait()
                await asyncio.sleep(0)


@asynccontextmanager
async def at_work() -> AsyncGenerator[Running]:
    running = Running()
    task = asyncio.create_task(running.runner.run())
    try:
        yield running
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_master_that_takes_the_lease_says_so_and_grants_at_each_renewal() -> None:
    async with at_work() as running:
        calls: list[str] = []
        running.on_acquired.append(lambda: calls.append("acquired"))
        await running.bus.until(lambda: len(running.bus.grants()) >= 3)
        assert running.status().is_primary
        changed = [event for event in running.bus.published if isinstance(event, PrimaryChanged)]
    assert changed == [
        PrimaryChanged(node=ALPHA, previous=None, epoch=Epoch(1), cause="the site starts")
    ]
    assert calls == ["acquired"]
    first, second, *_ = running.bus.grants()
    assert (first.node, first.epoch, first.boot_id) == (ALPHA, 1, "boot")
    assert first.valid_until < second.valid_until
    assert running.lease.servers.key.record is not None


async def test_a_role_that_was_lost_is_granted_no_more() -> None:
    async with at_work() as running:
        await running.bus.until(lambda: bool(running.bus.grants()))
        await running.lose_lease_to(BRAVO)
        assert not running.status().is_primary
        published = running.bus.published
        await running.bus.until(lambda: any(isinstance(e, PrimarySteppedDown) for e in published))
        for _ in range(100):
            await asyncio.sleep(0)
        count = len(running.bus.grants())
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(running.bus.grants()) == count
        assert running.bus.grants()[-1].valid_until <= SystemClock().now()
    ended = [event for event in running.bus.published if isinstance(event, PrimarySteppedDown)]
    assert ended == [PrimarySteppedDown(node=ALPHA, epoch=Epoch(1), cause="the lease is bravo's")]


async def test_a_larger_epoch_withdraws_the_grants_that_are_out() -> None:
    clock, config = SystemClock(), GrantHolder(ALPHA, "boot")
    async with at_work() as running:
        await running.bus.until(lambda: bool(running.bus.grants()))
        await running.lose_lease_to(BRAVO)
        await running.bus.until(lambda: running.bus.grants()[-1].epoch == 2)
    first = running.bus.grants()[0].model_copy(update={"valid_until": clock.now() + 60})
    assert config.offer(first)
    assert config.valid_epoch(clock.now()) == 1
    assert config.offer(running.bus.grants()[-1])
    assert config.valid_epoch(clock.now()) is None
    assert not config.offer(first), "and none of the old epoch comes back"


async def test_a_broken_invariant_ends_the_process() -> None:
    running = Running(health=Broken(AssertionError("a fault of ours")))
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(5):
            await running.runner.run()


async def test_a_health_check_that_fails_ends_nothing_and_shows_nothing_good_of_this_master() -> (
    None
):
    running = Running(health=Broken(RecursionError("too deep")))
    task = asyncio.create_task(running.runner.run())
    failed = "its health cannot be checked: RecursionError: too deep"
    assert await running.runner.wait_for(lambda: failed in running.status().health.failed_checks, 5)
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_grant_is_published_before_whatever_else_a_new_role_begins() -> None:
    async with at_work() as running:
        granted_before: list[int] = []
        beside: list[asyncio.Task[None]] = []

        async def begin() -> None:
            granted_before.append(len(running.bus.grants()))
            running.bus.has_published.set()

        running.on_acquired.append(lambda: beside.append(asyncio.create_task(begin())))
        await running.bus.until(lambda: bool(granted_before))
        assert granted_before == [1]


async def test_who_waits_for_the_core_is_woken_by_what_it_learns_and_not_without_limit() -> None:
    async with at_work() as running:
        assert await running.runner.wait_for(lambda: running.status().is_primary, 5)
        assert not await running.runner.wait_for(lambda: running.monitor.epoch > 1, 0.05)
