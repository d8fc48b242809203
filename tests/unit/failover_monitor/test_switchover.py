"""The steps of a switchover, between two monitors that share a key and hear each other."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.health import AUTOMATIC_OFF, HealthReport
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from services.failover_monitor.handlers import SwitchoverHandlers
from services.failover_monitor.lease.announcer import RoleAnnouncer
from services.failover_monitor.lease.calls import Calls
from services.failover_monitor.lease.runner import MonitorRunner
from services.failover_monitor.switchover.giving_way import GivingWay
from services.failover_monitor.switchover.role_handover import LARGEST_LAG, RoleHandover
from services.failover_monitor.switchover.role_succession import RoleSuccession
from services.failover_monitor.switchover.steps import HandoverSteps
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import (
    AlreadyPrimary,
    BadSignature,
    MeridianError,
    NotFound,
    NotPrimary,
    NotReady,
    OutcomeUnknown,
    StaleEpoch,
    Unavailable,
    UnderWay,
)
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.domain.log import LogPosition, ReplicationMode
from shared.events.config import PauseWrites, WritesPaused
from shared.events.failover import (
    AssumeRole,
    MasterGranted,
    PrepareForRole,
    PrimaryChanged,
    RoleSwitched,
    SwitchOver,
)
from shared.events.message import Event, Message, Request
from tests.fakes.containment import contained
from tests.fakes.lease import MemoryLease
from tests.fakes.proofs import with_working_services
from tests.fakes.responder import Responder
from tests.fakes.virtual_time import VirtualClock, pause, run, turn
from tests.unit.failover_monitor.test_runner import NoVotes

TIMING = PRESETS["local"]
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
ENTRIES = Revision(7)
KEYS = {node: NodeKey.generate() for node in (ALPHA, BRAVO)}
MASTERS = {node: key.public_b64 for node, key in KEYS.items()}


@dataclass
class FaultyLease(MemoryLease):
    """The lease, as both masters reach it; a write may be lost, or its answer."""

    loses_writes: bool = False
    loses_answers: bool = False

    async def write(self, record: LeaseRecord, expected: int) -> int | WriteFailure:
        if self.loses_writes:
            return WriteFailure.UNKNOWN
        revision = await super().write(record, expected)
        return WriteFailure.UNKNOWN if self.loses_answers else revision


@dataclass
class Body:
    """What a health check of a master finds, and its log position."""

    report: HealthReport = field(
        default_factory=lambda: HealthReport(revision=ENTRIES, is_attached=True)
    )
    revision: Revision = ENTRIES
    config_fault: str = ""
    """What is wrong when config is to commit at once."""

    accepts_epoch: Epoch = Epoch(0)

    async def check(self) -> HealthReport:
        return with_working_services(self.report, VirtualClock().now(), self.accepts_epoch)

    async def find_config_fault(self) -> str:
        return self.config_fault

    async def read_position(self) -> LogPosition | None:
        return LogPosition(
            LogGeneration(1), self.revision, Sequence(9), Epoch(1), f"h{self.revision}"
        )


@dataclass
class Side:
    """One master."""

    body: Body
    monitor: Monitor
    switchovers: SwitchoverHandlers
    giving_way: GivingWay
    runner: MonitorRunner
    published: list[Event]

    @property
    def is_primary(self) -> bool:
        return self.monitor.is_primary(VirtualClock().now())

    def grants(self) -> list[MasterGranted]:
        return [event for event in self.published if isinstance(event, MasterGranted)]


@dataclass
class Site(Responder):
    """Two masters, and who answers whom."""

    lease: FaultyLease = field(default_factory=FaultyLease)
    sides: dict[NodeId, Side] = field(default_factory=dict[NodeId, Side])
    keys: dict[NodeId, NodeKey] = field(default_factory=lambda: dict(KEYS))
    silent: set[type[Request[Any]]] = field(default_factory=set[type[Request[Any]]])
    writes_paused: WritesPaused = field(
        default_factory=lambda: WritesPaused(
            revision=ENTRIES, hash=f"h{ENTRIES}", mode=ReplicationMode.SYNCHRONOUS
        )
    )
    lie: dict[str, Any] = field(default_factory=dict[str, Any])
    has_not_begun: bool = False
    orders: list[Request[Any]] = field(default_factory=list[Request[Any]])

    @property
    def alpha(self) -> Side:
        return self.sides[ALPHA]

    @property
    def bravo(self) -> Side:
        return self.sides[BRAVO]

    def add(self, node: NodeId, head_start: float) -> None:
        bus = _Bus()
        body, clock, holder = Body(), VirtualClock(), Holder(node, f"{node}-1")
        monitor = Monitor(holder, TIMING, head_start)
        runner = MonitorRunner(
            monitor,
            Calls(self.lease, body, NoVotes(), contained()),
            RoleAnnouncer(node, "boot", bus, bus),
            clock,
        )
        trust = TrustStore(ClusterId("c"), LogGeneration(1), dict(MASTERS))
        steps = HandoverSteps(node, "boot", monitor, runner, self, trust, clock)
        handover = RoleHandover(steps, busy := asyncio.Lock())
        succession = RoleSuccession(node, monitor, runner, body, body, self.keys[node], clock)
        switchovers = SwitchoverHandlers(handover, succession)
        giving_way = GivingWay(steps, busy)
        self.sides[node] = Side(body, monitor, switchovers, giving_way, runner, bus.published)

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        self.orders.append(request)
        await pause(0.001)
        if type(request) in self.silent:
            await pause(timeout_seconds)
            raise Unavailable("nobody answered")
        match request:
            case PrepareForRole():
                truth = await self.sides[request.node].switchovers.on_prepare(request)
                return truth.model_copy(update=self.lie)
            case AssumeRole():
                return await self.sides[request.node].switchovers.on_assume(request)
            case PauseWrites():
                return self.writes_paused.model_copy(update={"has_begun": not self.has_not_begun})
            case _:
                raise AssertionError(f"nobody asks {request}")

    async def order(self, to: str | None = None, epoch: int = 1) -> RoleSwitched:
        order = SwitchOver(
            node=ALPHA, epoch=Epoch(epoch), to=None if to is None else NodeId(to), author="rita"
        )
        return await self.alpha.switchovers.on_switch_over(order)

    async def refused(self, to: str | None = None, epoch: int = 1) -> MeridianError:
        with pytest.raises(MeridianError) as caught:
            await self.order(to, epoch)
        return caught.value


@dataclass
class _Bus:
    published: list[Event] = field(default_factory=list[Event])

    async def publish(self, event: Event) -> None:
        self.published.append(event)

    def emit(self, event: Event) -> None:
        self.published.append(event)


@asynccontextmanager
async def two_masters() -> AsyncGenerator[Site]:
    """Alpha is primary of epoch 1, bravo watches."""
    site = Site()
    site.add(ALPHA, 0.0)
    site.add(BRAVO, TIMING.ttl_seconds)
    tasks = [asyncio.create_task(side.runner.run()) for side in site.sides.values()]
    try:
        await pause(4)
        assert site.alpha.is_primary
        yield site
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def goes_on(site: Site) -> None:
    """The old primary acts again before long, in its epoch, and the other does not."""
    await pause(0.3)
    assert site.alpha.is_primary
    assert not site.bravo.is_primary
    assert site.alpha.monitor.epoch == 1
    assert not site.alpha.grants()[-1].paused


def test_the_role_moves_at_once_and_everybody_is_notified() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            answer = await site.order()
            assert (answer.primary, answer.previous, answer.epoch) == (BRAVO, ALPHA, 2)
            assert answer.seconds < 0.3
            assert site.bravo.is_primary
            assert not site.alpha.is_primary
            (changed,) = [each for each in site.bravo.published if isinstance(each, PrimaryChanged)]
            assert changed.cause == "alpha handed its role over"
            await turn()
            assert {grant.planned for grant in site.bravo.grants()} == {True}
            kinds = [type(each) for each in site.orders]
            assert kinds == [PrepareForRole, PauseWrites, PrepareForRole, AssumeRole]
            await pause(10)
            assert site.bravo.is_primary

    run(scenario())


def test_between_two_roles_the_old_one_pauses_and_then_loses_its_grant() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            await site.order()
            await turn()
            granted, paused, withdrawn = site.alpha.grants()[-3:]
            assert [each.paused for each in (granted, paused, withdrawn)] == [False, True, False]
            assert (paused.epoch, paused.valid_until) == (1, granted.valid_until)
            assert withdrawn.epoch == 2
            assert withdrawn.valid_until <= VirtualClock().now()

    run(scenario())


@pytest.mark.parametrize(
    ("to", "epoch", "error", "sentence"),
    [
        ("nowhere", 1, NotFound, "there is no master 'nowhere'; the masters are alpha, bravo"),
        ("alpha", 1, AlreadyPrimary, "alpha is primary already"),
        ("bravo", 7, StaleEpoch, "the order is for epoch 7, alpha is primary of 1"),
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(
    to: str, epoch: int, error: type[MeridianError], sentence: str
) -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            refusal = await site.refused(to, epoch)
            assert isinstance(refusal, error)
            assert refusal.message.startswith(sentence)
            assert site.alpha.is_primary
            assert site.orders == []

    run(scenario())


def test_a_backup_gets_no_order_that_only_the_primary_can_do() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            order = SwitchOver(node=BRAVO, epoch=Epoch(1), author="rita")
            with pytest.raises(NotPrimary, match="bravo is not primary"):
                await site.bravo.switchovers.on_switch_over(order)

    run(scenario())


def test_a_backup_that_is_not_well_gets_no_role_and_says_why() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.bravo.body.report = HealthReport(failed_checks=("its database does not answer",))
            await pause(1)
            refusal = await site.refused()
            assert isinstance(refusal, NotReady)
            assert refusal.message == (
                "bravo cannot take the role over: its database does not answer"
            )
            assert site.alpha.is_primary

    run(scenario())


def test_automatic_failover_may_be_off_for_an_operator_decides() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.bravo.body.report = HealthReport(vetoes=(AUTOMATIC_OFF,), revision=ENTRIES)
            await pause(1)
            assert (await site.order()).primary == BRAVO

    run(scenario())


def test_a_detached_backup_gets_no_role() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.alpha.body.report = HealthReport(revision=ENTRIES, is_attached=False)
            await pause(1)
            refusal = await site.refused()
            assert refusal.attributes["reasons"] == ("detached",)
            assert site.alpha.is_primary

    run(scenario())


def test_a_backup_that_was_detached_meanwhile_gets_no_role_and_the_old_one_goes_on() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            mode = ReplicationMode.DEGRADED
            site.writes_paused = site.writes_paused.model_copy(update={"mode": mode})
            assert (await site.refused()).attributes["reasons"] == ("detached",)
            await goes_on(site)

    run(scenario())


def test_a_backup_far_behind_is_refused_before_anything_waits() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            behind = Revision(ENTRIES + LARGEST_LAG + 1)
            site.alpha.body.report = HealthReport(revision=behind, is_attached=True)
            await pause(1)
            refusal = await site.refused()
            assert refusal.message == f"bravo lags {LARGEST_LAG + 1} entries behind"
            assert not any(grant.paused for grant in site.alpha.grants())

    run(scenario())


def test_a_backup_that_does_not_get_the_last_entry_is_not_promoted() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.writes_paused = site.writes_paused.model_copy(update={"revision": ENTRIES + 1})
            refusal = await site.refused()
            assert isinstance(refusal, NotReady)
            assert refusal.message.startswith("bravo is at revision 7 of 8")
            await goes_on(site)

    run(scenario())


def test_a_copy_of_another_history_is_not_promoted() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.writes_paused = site.writes_paused.model_copy(update={"hash": "another"})
            assert isinstance(await site.refused(), NotReady)
            await goes_on(site)

    run(scenario())


def test_the_last_entry_is_waited_for() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            last = Revision(ENTRIES + 1)
            site.writes_paused = site.writes_paused.model_copy(
                update={"revision": last, "hash": "h8"}
            )
            order = asyncio.create_task(site.order())
            await pause(0.1)
            assert not order.done()
            site.bravo.body.revision = last
            assert (await order).primary == BRAVO

    run(scenario())


@pytest.mark.parametrize(
    ("silent", "error"),
    [(PrepareForRole, NotReady), (PauseWrites, Unavailable)],
)
def test_when_a_step_gets_no_answer_the_old_primary_goes_on(
    silent: type[Request[Any]], error: type[MeridianError]
) -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.silent.add(silent)
            assert isinstance(await site.refused(), error)
            await goes_on(site)

    run(scenario())


def test_a_primary_whose_config_has_not_begun_yet_says_so_and_goes_on() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.has_not_begun = True
            refusal = await site.refused()
            assert isinstance(refusal, NotReady)
            assert refusal.attributes["reasons"] == ("beginning",)
            await goes_on(site)

    run(scenario())


def test_a_successor_that_is_not_notified_finds_out_by_itself() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.silent.add(AssumeRole)
            refusal = await site.refused()
            assert isinstance(refusal, OutcomeUnknown)
            assert site.bravo.is_primary
            assert not site.alpha.is_primary

    run(scenario())


def test_a_named_successor_whose_holder_got_no_answer_is_primary() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.lease.loses_answers = True
            answer = await site.order()
            site.lease.loses_answers = False
            assert answer.primary == BRAVO
            assert site.bravo.is_primary

    run(scenario())


def test_a_lease_that_does_not_answer_leaves_the_outcome_open_and_then_the_old_one_acts() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.lease.loses_writes = True
            assert isinstance(await site.refused(), OutcomeUnknown)
            assert not site.alpha.is_primary
            site.lease.loses_writes = False
            await goes_on(site)

    run(scenario())


@pytest.mark.parametrize(
    "lie",
    [
        {"revision": ENTRIES + 1},
        {"n": 99},
        {"instance": "a stranger's"},
        {"reasons": ("nothing",)},
        {"epoch": 7},
        {"node": ALPHA},
        {"signature": "no hexadecimal digits"},
    ],
)
def test_an_answer_that_the_backup_did_not_sign_moves_nothing(lie: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            site.lie = lie
            assert isinstance(await site.refused(), BadSignature)
            assert site.alpha.is_primary
            assert not any(grant.paused for grant in site.alpha.grants())

    run(scenario())


def test_of_two_operators_one_learns_of_the_other() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            first = asyncio.create_task(site.order())
            await pause(0.0005)
            assert isinstance(await site.refused(), UnderWay)
            assert (await first).primary == BRAVO

    run(scenario())


def test_who_is_notified_of_a_role_that_the_lease_does_not_give_says_no() -> None:
    async def scenario() -> None:
        async with two_masters() as site:
            with pytest.raises(NotPrimary, match="the lease does not name bravo"):
                await site.bravo.switchovers.on_assume(AssumeRole(node=BRAVO, epoch=Epoch(2)))

    run(scenario())
