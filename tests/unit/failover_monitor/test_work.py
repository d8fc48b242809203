"""The core's hands: every effect is performed, and every answer goes back."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.failover_monitor.core.effects import Refusal
from services.failover_monitor.core.lease import Holder
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.promise import Answers, PromiseAsked
from services.failover_monitor.core.record import LeaseRecord, Seen
from services.failover_monitor.core.takeover import Checks
from services.failover_monitor.core.timing import Timing
from services.failover_monitor.core.versions import Versions
from services.failover_monitor.handlers import Handlers
from services.failover_monitor.work import Voice, Work
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import ClusterId, Epoch, Instant, LogGeneration, NodeId
from shared.domain.log import LogPosition
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.failover import (
    MasterGranted,
    PrimaryChanged,
    PrimarySteppedDown,
    ReadMasterStatus,
)
from shared.events.message import Event
from shared.events.node import NodeHeartbeat
from shared.runtime.clock import SystemClock
from shared.runtime.grant import GrantHolder
from tests.fakes.containment import contained

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
HASTE = Timing(0.02, 0.12, 0.01, heartbeat_seconds=0.01, leaders_seconds=1)
EMPTY = Seen(None, 1)


@dataclass
class FakeLease:
    key: Seen = EMPTY
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_read_by(self, monitor: Monitor) -> None:
        async with asyncio.timeout(5):
            while monitor.holder != (self.key.record and self.key.record.holder):
                self.reads.clear()
                await self.reads.wait()
                await asyncio.sleep(0)

    async def read(self) -> Seen | None:
        self.reads.set()
        return self.key

    async def write(self, record: LeaseRecord, expected: int) -> int | Refusal:
        if expected != self.key.revision:
            return Refusal.REFUSED
        self.key = Seen(record, expected + 1)
        return self.key.revision


@dataclass
class FakeVoice:
    said: list[Event] = field(default_factory=list[Event])
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, event: Event) -> None:
        self.emit(event)

    def emit(self, event: Event) -> None:
        self.said.append(event)
        self.heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.heard.clear()
                await self.heard.wait()

    def grants(self) -> list[MasterGranted]:
        return [event for event in self.said if isinstance(event, MasterGranted)]


class Nobody:
    """No other master promises anything."""

    async def ask(self, asked: PromiseAsked) -> Answers:
        return Answers(asked.number, frozenset({BRAVO}))


class Sound:
    async def look(self) -> Checks:
        return Checks()

    async def stand(self) -> LogPosition | None:
        return None


@dataclass
class Broken:
    error: Exception

    async def look(self) -> Checks:
        raise self.error

    async def stand(self) -> LogPosition | None:
        raise self.error


@asynccontextmanager
async def at_work() -> AsyncGenerator[tuple[Work, FakeVoice, FakeLease, Monitor]]:
    voice, lease, monitor = FakeVoice(), FakeLease(), Monitor(Holder(ALPHA, "a1"), HASTE)
    work = Work(
        *(monitor, lease, Sound(), Voice(ALPHA, "boot", voice, voice, Nobody())),
        *(SystemClock(), contained()),
    )
    task = asyncio.create_task(work.run())
    try:
        yield work, voice, lease, monitor
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_master_that_takes_the_lease_says_so_and_grants_at_each_renewal() -> None:
    async with at_work() as (work, voice, lease, monitor):
        calls: list[str] = []
        work.on_taken.append(lambda: calls.append("taken"))
        await voice.until(lambda: len(voice.grants()) >= 3)
        assert monitor.is_primary(SystemClock().now())
        changed = [event for event in voice.said if isinstance(event, PrimaryChanged)]
    assert changed == [
        PrimaryChanged(node=ALPHA, previous=None, epoch=Epoch(1), cause="the site starts")
    ]
    assert calls == ["taken"]
    first, second, *_ = voice.grants()
    assert (first.node, first.epoch, first.boot_id) == (ALPHA, 1, "boot")
    assert first.valid_until < second.valid_until
    assert lease.key.record is not None


async def test_a_role_that_was_lost_is_granted_no_more() -> None:
    async with at_work() as (_, voice, lease, monitor):
        await voice.until(lambda: bool(voice.grants()))
        record = LeaseRecord(Epoch(2), BRAVO, "b1", 1, 60, 1)
        lease.key = Seen(record, lease.key.revision + 1)
        await lease.until_read_by(monitor)
        assert not monitor.is_primary(SystemClock().now())
        await voice.until(lambda: any(isinstance(e, PrimarySteppedDown) for e in voice.said))
        for _ in range(100):
            await asyncio.sleep(0)
        count = len(voice.grants())
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(voice.grants()) == count
        assert voice.grants()[-1].valid_until <= SystemClock().now()
    ended = [event for event in voice.said if isinstance(event, PrimarySteppedDown)]
    assert ended == [PrimarySteppedDown(node=ALPHA, epoch=Epoch(1), cause="the lease is bravo's")]


async def test_a_larger_epoch_withdraws_the_grants_that_are_out() -> None:
    clock, config = SystemClock(), GrantHolder(ALPHA, "boot")
    async with at_work() as (_, voice, lease, monitor):
        await voice.until(lambda: bool(voice.grants()))
        lease.key = Seen(LeaseRecord(Epoch(2), BRAVO, "b1", 1, 60, 1), lease.key.revision + 1)
        await lease.until_read_by(monitor)
        await voice.until(lambda: voice.grants()[-1].epoch == 2)
    first = voice.grants()[0].model_copy(update={"valid_until": clock.now() + 60})
    assert config.offer(first)
    assert config.valid(clock.now()) == 1
    assert config.offer(voice.grants()[-1])
    assert config.valid(clock.now()) is None
    assert not config.offer(first), "and none of the old epoch comes back"


def broken(error: Exception) -> tuple[Work, Monitor]:
    """A monitor that cannot look at its own master."""
    voice, monitor = FakeVoice(), Monitor(Holder(ALPHA, "a1"), HASTE)
    own = Voice(ALPHA, "b", voice, voice, Nobody())
    return Work(monitor, FakeLease(), Broken(error), own, SystemClock(), contained()), monitor


async def test_a_broken_invariant_ends_the_process() -> None:
    work, _ = broken(AssertionError("a fault of ours"))
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(5):
            await work.run()


async def test_a_look_that_fails_ends_nothing_and_shows_nothing_good_of_this_master() -> None:
    work, monitor = broken(RecursionError("too deep"))
    task = asyncio.create_task(work.run())
    unfit = "it cannot be looked at: RecursionError: too deep"
    assert await work.until(lambda: unfit in monitor.checks.unfit, 5)
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_status_says_how_the_sites_address_is_led() -> None:
    said = RedirectionStatus(state=RedirectionState.FAILING, attempts=2, cause="nobody answers")
    trust = TrustStore(ClusterId("c"), LogGeneration(1), {ALPHA: ""})
    monitor = Monitor(Holder(ALPHA, "a1"), HASTE)
    hands = Handlers(monitor, ALPHA, trust, SystemClock(), redirection=lambda: said)

    assert (await hands.on_status(ReadMasterStatus(node=ALPHA))).redirection == said


def handlers(monitor: Monitor) -> Handlers:
    trust = TrustStore(ClusterId("c"), LogGeneration(1), {ALPHA: "", BRAVO: ""})
    return Handlers(monitor, ALPHA, trust, SystemClock())


def heartbeat(node: str, service: str = "failover_monitor") -> NodeHeartbeat:
    return NodeHeartbeat(
        node=NodeId(node), service=service, version="1", started_unix_ms=0, could_take_over=True
    )


class Attentive(Monitor):
    """Remembers who was heard."""

    def __init__(self) -> None:
        super().__init__(Holder(ALPHA, "a1"), HASTE)
        self.peers: list[tuple[NodeId, bool]] = []

    def peer_heard(self, peer: NodeId, now: Instant, *, could_take_over: bool) -> None:
        self.peers.append((peer, could_take_over))


async def test_only_other_masters_monitors_count_as_ready() -> None:
    monitor = Attentive()
    for beat in (
        heartbeat("bravo"),
        heartbeat("bravo", "relay"),
        heartbeat("alpha"),
        heartbeat("berlin"),
    ):
        await handlers(monitor).on_heartbeat(beat)
    assert monitor.peers == [(BRAVO, True)]


async def test_the_status_says_who_holds_the_lease_and_why_nothing_is_taken() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), HASTE)
    hands = handlers(monitor)
    hands.leaders = {"LOG-1": "witness"}
    status = await hands.on_status(ReadMasterStatus(node=ALPHA))
    assert (status.node, status.role, status.epoch) == (ALPHA, MasterRole.BACKUP, 0)
    assert status.holder is None
    assert not status.could_take_over
    assert "the lease cannot be read" in status.reasons
    assert status.leaders == {"LOG-1": "witness"}


async def test_a_heartbeat_of_a_huge_epoch_is_believed_by_nobody() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), HASTE)
    beat = heartbeat("bravo").model_copy(update={"epoch": Epoch(2**60), "role": MasterRole.PRIMARY})
    await handlers(monitor).on_heartbeat(beat)
    assert monitor.epoch == 0
    assert monitor.holder is None


async def test_what_another_master_runs_is_learned_from_its_heartbeat() -> None:
    versions = Versions("1.0.0")
    trust = TrustStore(ClusterId("c"), LogGeneration(1), {ALPHA: "", BRAVO: ""})
    monitor = Monitor(Holder(ALPHA, "a1"), HASTE)
    hands = Handlers(monitor, ALPHA, trust, SystemClock(), versions=versions)
    for node, version in (("alpha", "9.0"), ("berlin", "8.0"), ("bravo", "2.0")):
        await hands.on_heartbeat(heartbeat(node).model_copy(update={"version": version}))
    assert versions.obstacles() == ("it runs version 1.0.0 and bravo runs 2.0; upgrade it",)


async def test_a_grant_is_told_before_whatever_else_a_new_role_begins() -> None:
    async with at_work() as (work, voice, _, _):
        told_before: list[int] = []
        beside: list[asyncio.Task[None]] = []

        async def begin() -> None:
            told_before.append(len(voice.grants()))
            voice.heard.set()

        work.on_taken.append(lambda: beside.append(asyncio.create_task(begin())))
        await voice.until(lambda: bool(told_before))
        assert told_before == [1]


async def test_who_waits_for_the_core_is_woken_by_what_it_learns_and_not_for_ever() -> None:
    async with at_work() as (work, _, _, monitor):
        assert await work.until(lambda: monitor.is_primary(SystemClock().now()), 5)
        assert not await work.until(lambda: monitor.epoch > 1, 0.05)
