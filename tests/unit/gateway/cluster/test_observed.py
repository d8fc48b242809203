import pytest

from services.gateway.cluster.core.observed import Observed
from shared.documents.site import Timing
from shared.domain.ids import Instant, NodeId, Revision
from shared.domain.liveness import Liveness
from shared.events.node import NodeHeartbeat

ALPHA = NodeId("alpha")
TIMING = Timing(heartbeat_seconds=0.5, suspect_after_seconds=1.5, dead_after_seconds=3.0)


def heartbeat(service: str = "relay", revision: int | None = None) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=ALPHA,
        service=service,
        version="1",
        started_unix_ms=0,
        applied_revision=None if revision is None else Revision(revision),
    )


@pytest.mark.parametrize(
    ("silent", "liveness"),
    [
        (0.0, Liveness.ALIVE),
        (1.5, Liveness.SUSPECT),
        (3.0, Liveness.DEAD),
    ],
)
def test_silence_makes_a_node_suspect_and_then_dead(silent: float, liveness: Liveness) -> None:
    observed = Observed()

    observed.record_heartbeat(heartbeat(), Instant(10.0))

    assert observed.liveness(ALPHA, TIMING, Instant(10.0 + silent)) is liveness


def test_a_node_that_was_never_heard_has_no_liveness() -> None:
    assert Observed().liveness(ALPHA, TIMING, Instant(0.0)) is None


def test_one_service_of_a_master_keeps_its_node_alive() -> None:
    observed = Observed()

    observed.record_heartbeat(heartbeat("relay"), Instant(0.0))
    observed.record_heartbeat(heartbeat("failover_monitor"), Instant(10.0))

    assert observed.liveness(ALPHA, TIMING, Instant(10.1)) is Liveness.ALIVE


def test_the_freshest_heartbeat_is_the_last_of_any_service() -> None:
    observed = Observed()
    assert observed.freshest_heartbeat(ALPHA) is None

    observed.record_heartbeat(heartbeat("relay"), Instant(1.0))
    observed.record_heartbeat(heartbeat("failover_monitor"), Instant(2.0))

    last = observed.freshest_heartbeat(ALPHA)
    assert last is not None
    assert last.heartbeat.service == "failover_monitor"
