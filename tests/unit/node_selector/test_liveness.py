import pytest

from services.node_selector.core.liveness import LiveState, Load
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
    state.relay_spoke(BERLIN, LOAD, Instant(100))
    seen = state.seen(BERLIN, TIMING, Instant(100 + silent))
    assert seen is not None
    assert seen.liveness is liveness
    assert seen.silent_seconds == pytest.approx(silent)
    assert seen.load == LOAD


def test_a_heartbeat_brings_a_dead_node_back_with_its_new_load() -> None:
    state = LiveState()
    state.relay_spoke(BERLIN, LOAD, Instant(0))
    state.relay_spoke(BERLIN, Load(0, draining=True, version="1.1"), Instant(60))
    seen = state.seen(BERLIN, TIMING, Instant(60.2))
    assert seen is not None
    assert seen.liveness is Liveness.ALIVE
    assert seen.load == Load(0, draining=True, version="1.1")


def test_nothing_is_known_of_a_node_that_never_spoke() -> None:
    state = LiveState()
    assert state.seen(BERLIN, TIMING, Instant(1)) is None
    state.relay_spoke(ALPHA, LOAD, Instant(1))
    assert not state.is_empty
    assert state.seen(BERLIN, TIMING, Instant(1)) is None


def test_a_master_that_speaks_is_no_relay_that_is_alive() -> None:
    state = LiveState()
    state.master_spoke(ALPHA, Epoch(1), is_primary=True)
    assert state.is_empty


def test_the_primary_is_who_said_so_in_the_largest_epoch() -> None:
    state = LiveState()
    assert state.primary is None
    state.master_spoke(ALPHA, Epoch(1), is_primary=True)
    state.master_spoke(BRAVO, Epoch(2), is_primary=True)
    state.master_spoke(ALPHA, Epoch(1), is_primary=True)
    state.master_spoke(ALPHA, Epoch(3), is_primary=False)
    assert state.primary == BRAVO
