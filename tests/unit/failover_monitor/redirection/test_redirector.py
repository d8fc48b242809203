"""The redirector: reads role and configuration, directs the address, reports its progress."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import InitVar, dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.desired import DesiredStateReader
from services.failover_monitor.redirection.redirector import Redirector
from shared.documents.redirection import RedirectionMethod
from shared.domain.document import Document, Ref
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, Instant, NodeId, Revision
from shared.domain.redirection import RedirectionState
from shared.events.failover import RedirectionChanged
from shared.events.message import Event
from tests.fakes.containment import contained
from tests.fakes.master_state import MemoryState
from tests.fakes.virtual_time import VirtualClock, pause, run, turn

ALPHA = NodeId("alpha")
FAILING = RedirectionState.FAILING


@dataclass
class Ground:
    """A master whose role, documents and method a test moves."""

    epoch: Epoch = Epoch(4)
    primary: bool = True
    setting: InitVar[dict[str, Any] | None] = None
    state: MemoryState = field(default_factory=MemoryState)
    desired_states: list[DesiredState] = field(default_factory=list[DesiredState])
    published: list[RedirectionChanged] = field(default_factory=list[RedirectionChanged])
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    outcome: Callable[[], Awaitable[None]] | None = None
    stopped: int = 0
    again_seconds: float | None = None
    released: list[DesiredState] = field(default_factory=list[DesiredState])
    keeps: bool = False

    def __post_init__(self, setting: dict[str, Any] | None) -> None:
        self.configure({"method": "hook"} if setting is None else setting)

    def is_primary(self, now: Instant) -> bool:
        return self.primary

    def configure(self, setting: dict[str, Any]) -> None:
        """Have the site's redirection set to *setting*."""
        site = {"name": "support.example.com", "redirection": setting}
        node = {"role": "master", "region": "eu", "gateway_url": "https://alpha.example:8443"}
        for ref, body in ((Ref("site", "site"), site), (Ref("node", ALPHA), node)):
            self.state.here.documents_by_ref[ref] = Document(*ref, Revision(1), body)

    async def redirect(self, desired: DesiredState) -> None:
        self.desired_states.append(desired)
        try:
            if self.outcome is not None:
                await self.outcome()
        except asyncio.CancelledError:
            self.stopped += 1
            raise

    async def release(self, desired: DesiredState) -> None:
        self.released.append(desired)
        if self.keeps:
            raise RedirectionFailed("the kernel keeps it")

    def emit(self, event: Event) -> None:
        assert isinstance(event, RedirectionChanged)
        self.published.append(event)

    @property
    def states(self) -> list[RedirectionState]:
        return [event.state for event in self.published]

    @property
    def is_failing(self) -> bool:
        return self.registry.get_sample_value("meridian_redirection_failing") == 1.0


@asynccontextmanager
async def at_work(ground: Ground) -> AsyncGenerator[Redirector]:
    clock = VirtualClock()
    redirector = Redirector(
        DesiredStateReader(ALPHA, ground, ground.state, clock),
        {RedirectionMethod.HOOK: ground},
        *(ground, clock, ground.registry, contained()),
    )
    working = asyncio.create_task(redirector.run())
    try:
        yield redirector
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def fail() -> None:
    raise RedirectionFailed("the router does not answer")


async def hang() -> None:
    await asyncio.Event().wait()


async def break_() -> None:
    raise ZeroDivisionError("division by zero")


def test_a_primary_leads_the_address_once_and_reports_it() -> None:
    async def scenario() -> None:
        ground = Ground()
        async with at_work(ground) as redirector:
            await pause(30)

            assert [(desired.node, desired.epoch) for desired in ground.desired_states] == [
                (ALPHA, 4)
            ]
            assert ground.desired_states[0].gateway_url == "https://alpha.example:8443"
            assert ground.states == [RedirectionState.PENDING, RedirectionState.DONE]
            assert ground.published[0].before is RedirectionState.NONE
            assert redirector.status().state is RedirectionState.DONE

    run(scenario())


def test_a_backup_leads_nothing() -> None:
    async def scenario() -> None:
        ground = Ground(primary=False)
        async with at_work(ground):
            await pause(30)

            assert (ground.desired_states, ground.published) == ([], [])

    run(scenario())


def test_a_site_without_redirection_reports_nothing() -> None:
    async def scenario() -> None:
        ground = Ground(setting={})
        async with at_work(ground):
            await pause(30)

            assert (ground.desired_states, ground.published) == ([], [])

    run(scenario())


def test_a_new_primary_begins_as_soon_as_it_is_notified() -> None:
    async def scenario() -> None:
        ground = Ground(primary=False)
        async with at_work(ground) as redirector:
            await turn()
            ground.primary = True
            redirector.on_acquired()
            await turn()

            assert len(ground.desired_states) == 1

    run(scenario())


def test_a_method_that_is_chosen_while_the_primary_acts_is_used() -> None:
    async def scenario() -> None:
        ground = Ground(setting={})
        async with at_work(ground):
            await pause(1)
            ground.configure({"method": "hook"})
            await pause(6)

            assert len(ground.desired_states) == 1

    run(scenario())


def test_a_failure_is_reported_with_a_code_counted_and_retried_until_it_is_mended() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=fail)
        async with at_work(ground) as redirector:
            await pause(5)
            status = redirector.status()
            assert (status.state, status.code) == (FAILING, "redirection_failed")
            assert status.cause == "the router does not answer"
            assert status.attempts == len(ground.desired_states) == 3
            assert ground.states == [RedirectionState.PENDING, FAILING]
            assert ground.is_failing

            ground.outcome = None
            await pause(5)
            assert ground.states[-1] is RedirectionState.DONE
            assert not ground.is_failing

    run(scenario())


def test_what_hangs_is_stopped_at_its_time_limit() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=hang, setting={"method": "hook", "time_limit_seconds": 2})
        async with at_work(ground) as redirector:
            await pause(2.5)

            assert ground.stopped == 1
            assert redirector.status().cause == "hook took longer than 2 s and was stopped"

    run(scenario())


def test_a_fault_that_nobody_foresaw_is_a_failed_attempt_and_no_more() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=break_)
        async with at_work(ground) as redirector:
            await pause(1.5)

            assert redirector.status().cause == "hook failed: ZeroDivisionError: division by zero"
            assert len(ground.desired_states) == 2

    run(scenario())


def test_who_is_primary_no_more_stops_what_it_began() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=hang)
        async with at_work(ground) as redirector:
            await pause(1)
            ground.primary = False
            await pause(1)

            assert ground.stopped == 1
            assert redirector.status().state is RedirectionState.NONE
            assert len(ground.desired_states) == 1

    run(scenario())


def test_what_is_under_way_ends_with_the_service() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=hang)
        async with at_work(ground):
            await pause(1)
        assert ground.stopped == 1
        assert ground.states == [RedirectionState.PENDING]

    run(scenario())


def test_a_database_that_does_not_answer_is_asked_again() -> None:
    async def scenario() -> None:
        ground = Ground(state=MemoryState(is_down=True))
        async with at_work(ground):
            await pause(3)
            assert ground.desired_states == []
            ground.state.is_down = False
            await pause(1)
            assert len(ground.desired_states) == 1

    run(scenario())


def test_what_is_known_stays_while_the_database_is_away() -> None:
    async def scenario() -> None:
        ground = Ground(outcome=fail)
        async with at_work(ground):
            await pause(1)
            ground.state.is_down = True
            await pause(20)
            assert len(ground.desired_states) >= 4

    run(scenario())


def test_what_can_be_corrected_is_led_again_and_again_and_reported_once() -> None:
    async def scenario() -> None:
        ground = Ground(again_seconds=10.0)
        async with at_work(ground):
            await pause(35)

            assert len(ground.desired_states) == 4
            assert ground.states == [RedirectionState.PENDING, RedirectionState.DONE]

    run(scenario())


def test_what_lasts_is_released_with_the_role_and_led_again_with_it() -> None:
    async def scenario() -> None:
        ground = Ground(again_seconds=10.0)
        async with at_work(ground):
            await pause(1)
            ground.primary = False
            await pause(1)
            assert ground.released == ground.desired_states
            ground.primary = True
            await pause(1)
            assert len(ground.desired_states) == 2

    run(scenario())


def test_what_lasts_is_released_when_the_service_ends_even_if_that_fails() -> None:
    async def scenario() -> None:
        ground = Ground(again_seconds=10.0, keeps=True)
        async with at_work(ground):
            await pause(1)
        assert ground.released == ground.desired_states

    run(scenario())


def test_a_new_epoch_waits_for_what_the_configuration_says_now() -> None:
    async def scenario() -> None:
        ground = Ground(again_seconds=5.0)
        async with at_work(ground):
            await pause(1)
            ground.state.is_down = True
            ground.epoch = Epoch(6)
            await pause(10)
            assert [desired.epoch for desired in ground.desired_states] == [4]

            ground.state.is_down = False
            ground.configure({"method": "hook", "time_limit_seconds": 5})
            await pause(1)
            assert [desired.epoch for desired in ground.desired_states] == [4, 6]
            assert ground.desired_states[1].setting.time_limit_seconds == 5

    run(scenario())
