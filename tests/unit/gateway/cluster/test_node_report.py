import pytest

from services.gateway.cluster.core.node_report import (
    NodeReport,
    ReportedLoad,
    ReportedPosition,
    ReportedRole,
    report_node,
)
from services.gateway.cluster.core.observed import Observed
from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, LogGeneration, NodeId, Revision, Sequence
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole
from shared.domain.primary import PrimaryClaim
from shared.domain.service import ServiceRestarts
from shared.events.node import NodeHeartbeat
from shared.events.replication import FollowerProgressed, FollowerState

ALPHA, BRAVO, TOKYO = NodeId("alpha"), NodeId("bravo"), NodeId("tokyo")
TIMING = Timing(heartbeat_seconds=0.5, suspect_after_seconds=1.5, dead_after_seconds=3.0)
LOST = ServiceRestarts(service="replication", restarts=2, crash_loop=True, is_away=True)


def relay(node: NodeId = ALPHA) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=node,
        service="relay",
        version="2",
        started_unix_ms=0,
        sessions=4,
        connections=9,
        bytes_per_second=100,
        draining=True,
    )


def monitor(
    node: NodeId = ALPHA, role: MasterRole = MasterRole.PRIMARY, epoch: int = 7
) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=node,
        service="failover_monitor",
        version="1",
        started_unix_ms=0,
        role=role,
        epoch=Epoch(epoch),
        could_take_over=True,
        reasons=("it is in maintenance",),
        services=(LOST,),
    )


def progress() -> FollowerProgressed:
    return FollowerProgressed(
        node=ALPHA,
        state=FollowerState.FOLLOWING,
        log_generation=LogGeneration(1),
        revision=Revision(12),
        sequence=Sequence(12),
        epoch=Epoch(7),
        hash="h",
        lag=3,
    )


def observed(*heartbeats: NodeHeartbeat) -> Observed:
    found = Observed()
    for second, each in enumerate(heartbeats):
        found.record_heartbeat(each, Instant(second / 10))
    return found


def report(found: Observed, at: float = 1.0) -> NodeReport:
    return report_node(found, ALPHA, TIMING, Instant(at))


def test_of_a_node_that_was_never_heard_nothing_is_known() -> None:
    assert report(Observed()) == NodeReport(
        None, ReportedRole(), ReportedLoad(), ReportedPosition(), None, ()
    )


def test_a_master_is_reported_with_role_load_and_position() -> None:
    found = observed(relay(), monitor())
    found.record_progress(progress(), Instant(0.0))
    assert report(found) == NodeReport(
        Liveness.ALIVE,
        ReportedRole(MasterRole.PRIMARY, Epoch(7), could_take_over=True, reasons=REASONS),
        ReportedLoad(sessions=4, connections=9, bytes_per_second=100, draining=True),
        ReportedPosition(Revision(12), "following", 3),
        "2",
        (LOST,),
    )


REASONS = ("it is in maintenance",)


def test_a_dead_master_has_no_role_but_keeps_its_last_load() -> None:
    found = report(observed(monitor(), relay()), at=60.0)
    assert (found.liveness, found.role) == (Liveness.DEAD, ReportedRole())
    assert found.load.sessions == 4


def test_the_version_is_the_relays_or_else_that_of_a_living_monitor() -> None:
    assert report(observed(relay(), monitor())).version == "2"
    assert report(observed(monitor())).version == "1"
    assert report(observed(monitor()), at=60.0).version is None


def test_services_are_those_of_the_last_heartbeat() -> None:
    assert report(observed(monitor(), relay())).services == ()
    assert report(observed(relay(), monitor())).services == (LOST,)


@pytest.mark.parametrize(
    ("heartbeats", "at", "primary"),
    [
        ((), 1.0, None),
        ((monitor(ALPHA, MasterRole.BACKUP),), 1.0, None),
        ((monitor(ALPHA, epoch=3), monitor(BRAVO, epoch=4)), 1.0, PrimaryClaim(BRAVO, Epoch(4))),
        ((monitor(ALPHA, epoch=5), monitor(BRAVO, epoch=4)), 1.0, PrimaryClaim(ALPHA, Epoch(5))),
        ((monitor(ALPHA),), 60.0, None),
        ((monitor(TOKYO),), 1.0, None),
    ],
)
def test_the_primary_is_the_configured_master_that_claims_the_largest_epoch(
    heartbeats: tuple[NodeHeartbeat, ...], at: float, primary: PrimaryClaim | None
) -> None:
    found = observed(*heartbeats).primary((ALPHA, BRAVO), TIMING, Instant(at))
    assert found == primary
