import pytest

from services.node_selector.core.live_state import LiveState, Load
from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness

BERLIN, ALPHA, BRAVO = NodeId("berlin"), NodeId("alpha"), NodeId("bravo")
LOAD = Load(sessions=3, draining=False, version="1.0")
TIMING = Timing(heartbeat_seconds=0.5, suspect_after_seconds=1.5, dead_after_seconds=3)


@pytest.mark.parametrize(
    ("silent", "liveness"),
    [
        (0.0, Liveness.ALIVE),
        (1.5, Liveness.SUSPECT),
        (3.0, Liveness.DEAD),
    ],
)
def test_silence_makes_a_node_suspect_and_then_dead(silent: float, liveness: Liveness) -> None:
    state = LiveState()
    state.record_relay(BERLIN, LOAD, Instant(100))
    status = state.status_of(BERLIN, TIMING, Instant(100 + silent))
    assert status is not None
    assert status.liveness is liveness
    assert status.silent_seconds == pytest.approx(silent)
    assert status.load == LOAD


def test_a_heartbeat_brings_a_dead_node_back_with_its_new_load() -> None:
    state = LiveState()
    state.record_relay(BERLIN, LOAD, Instant(0))
    state.record_relay(BERLIN, Load(0, draining=True, version="1.1"), Instant(60))
    status = state.status_of(BERLIN, TIMING, Instant(60.2))
    assert status is not None
    assert status.liveness is Liveness.ALIVE
    assert status.load == Load(0, draining=True, version="1.1")


def test_nothing_is_known_of_a_node_that_never_spoke() -> None:
    state = LiveState()
    assert state.status_of(BERLIN, TIMING, Instant(1)) is None
    state.record_relay(ALPHA, LOAD, Instant(1))
    assert not state.is_empty
    assert state.status_of(BERLIN, TIMING, Instant(1)) is None


def test_a_master_that_speaks_is_no_relay_that_is_alive() -> None:
    state = LiveState()
    state.record_master(ALPHA, Epoch(1), is_primary=True)
    assert state.is_empty


def test_the_primary_is_who_claims_it_in_the_largest_epoch() -> None:
    state = LiveState()
    assert state.primary is None
    state.record_master(ALPHA, Epoch(1), is_primary=True)
    state.record_master(BRAVO, Epoch(2), is_primary=True)
    state.record_master(ALPHA, Epoch(1), is_primary=True)
    state.record_master(ALPHA, Epoch(3), is_primary=False)
    assert state.primary == BRAVO
