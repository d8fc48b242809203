"""Known faults of the shell around the cores: each alone gives two primaries, and is noticed."""

import pytest

from tests.simulation.failover.faults import Flaws
from tests.simulation.failover.scenario import new_world, random_fault, run_faults

SEEDS = range(400)


@pytest.mark.parametrize(
    "flaws",
    [
        Flaws(clock_stands_still_in_suspend=True),
        Flaws(duplicate_is_success=True),
        Flaws(handing_over_does_not_wait_for_grants=True),
        Flaws(grant_counts_from_arrival=True),
        Flaws(handover_does_not_wait_for_config=True),
    ],
    ids=[
        "clock stands still",
        "duplicate is success",
        "handing over does not wait for grants",
        "grant counts from arrival",
        "handover does not wait for config",
    ],
)
def test_a_shell_with_this_flaw_makes_two_primaries(flaws: Flaws) -> None:
    assert any(_is_noticed(seed, flaws) for seed in SEEDS)


def _is_noticed(seed: int, flaws: Flaws) -> bool:
    try:
        run_faults(new_world(seed, flaws=flaws), random_fault, seconds=60.0)
    except AssertionError:
        return True
    return False
