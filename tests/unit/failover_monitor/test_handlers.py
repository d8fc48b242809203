"""What the monitor answers and learns over the bus."""

from services.failover_monitor.core.effects import Effect
from services.failover_monitor.core.facts import Fact, PeerHeartbeat
from services.failover_monitor.core.log_servers import LogServers, ServerAnswer
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder
from services.failover_monitor.core.timing import PRESETS
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.handlers import HeartbeatHandler, StatusHandler
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import ClusterId, Epoch, Instant, LogGeneration, NodeId
from shared.domain.log_server import LogServerState
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.failover import ReadMasterStatus
from shared.events.node import NodeHeartbeat
from tests.fakes.virtual_time import VirtualClock

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
TRUST = TrustStore(ClusterId("c"), LogGeneration(1), {ALPHA: "", BRAVO: ""})
TIMING = PRESETS["local"]
FAILING = RedirectionStatus(state=RedirectionState.FAILING, attempts=2, cause="nobody answers")


class Clock(VirtualClock):
    """A clock that stands at 10 seconds."""

    def now(self) -> Instant:
        return Instant(10.0)


def monitor() -> Monitor:
    return Monitor(Holder(ALPHA, "a1"), TIMING)


def heartbeats(monitor: Monitor, versions: OtherReleases | None = None) -> HeartbeatHandler:
    return HeartbeatHandler(ALPHA, TRUST, monitor, versions or OtherReleases(""), Clock())


def heartbeat(node: str, service: str = "failover_monitor") -> NodeHeartbeat:
    return NodeHeartbeat(
        node=NodeId(node), service=service, version="1", started_unix_ms=0, could_take_over=True
    )


class Attentive(Monitor):
    """Remembers what it learned."""

    def __init__(self) -> None:
        super().__init__(Holder(ALPHA, "a1"), TIMING)
        self.facts: list[Fact] = []

    def step(self, fact: Fact, now: Instant) -> tuple[Effect, ...]:
        self.facts.append(fact)
        return super().step(fact, now)


async def test_only_other_masters_monitors_count_as_ready() -> None:
    monitor = Attentive()
    for beat in (
        heartbeat("bravo"),
        heartbeat("bravo", "relay"),
        heartbeat("alpha"),
        heartbeat("berlin"),
    ):
        await heartbeats(monitor).on_heartbeat(beat)
    assert monitor.facts == [PeerHeartbeat(BRAVO, could_take_over=True)]


async def test_the_status_says_who_holds_the_lease_and_why_nothing_is_taken() -> None:
    log_servers = LogServers([ALPHA])
    log_servers.record_round([ServerAnswer(ALPHA, is_storing=False)], Instant(0.0))
    handler = StatusHandler(
        *(ALPHA, monitor(), lambda: {"LOG-1": "witness"}, log_servers, lambda: FAILING, Clock())
    )
    status = await handler.on_status(ReadMasterStatus(node=ALPHA))
    assert (status.node, status.role, status.epoch) == (ALPHA, MasterRole.BACKUP, 0)
    assert status.holder is None
    assert not status.could_take_over
    assert "the lease cannot be read" in status.reasons
    assert status.log_servers == {ALPHA: LogServerState.JETSTREAM_OFF}
    assert status.leaders == {"LOG-1": "witness"}
    assert status.redirection == FAILING


async def test_a_heartbeat_of_a_huge_epoch_is_believed_by_nobody() -> None:
    observer = monitor()
    beat = heartbeat("bravo").model_copy(update={"epoch": Epoch(2**60), "role": MasterRole.PRIMARY})
    await heartbeats(observer).on_heartbeat(beat)
    assert observer.epoch == 0
    assert observer.status(Clock().now()).holder is None


async def test_what_another_master_runs_is_learned_from_its_heartbeat() -> None:
    versions = OtherReleases("1.0.0")
    handler = heartbeats(monitor(), versions)
    for node, version in (("alpha", "9.0"), ("berlin", "8.0"), ("bravo", "2.0")):
        await handler.on_heartbeat(heartbeat(node).model_copy(update={"version": version}))
    assert versions.obstacles() == ("it runs version 1.0.0 and bravo runs 2.0; upgrade it",)
