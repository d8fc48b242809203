import pytest

from shared.domain.liveness import Liveness, liveness_after


@pytest.mark.parametrize(
    ("silent_seconds", "liveness"),
    [
        (0.0, Liveness.ALIVE),
        (1.49, Liveness.ALIVE),
        (1.5, Liveness.SUSPECT),
        (2.99, Liveness.SUSPECT),
        (3.0, Liveness.DEAD),
        (3_600.0, Liveness.DEAD),
    ],
)
def test_silence_makes_a_node_suspect_and_then_dead(
    silent_seconds: float, liveness: Liveness
) -> None:
    found = liveness_after(silent_seconds, suspect_after_seconds=1.5, dead_after_seconds=3.0)
    assert found is liveness
