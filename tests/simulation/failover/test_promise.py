"""The failsafe promise in the simulated world: an election moves no role and stops nobody."""

import pytest

from tests.simulation.failover.faults import Flaws
from tests.simulation.failover.scenario import new_world, random_fault, run_faults
from tests.simulation.failover.world import NODES, World

ALPHA, BRAVO = NODES
PRESETS = ("local", "lan", "wan")


def goes_on(world: World, seconds: float) -> None:
    """The first master acts at every moment of *seconds*."""
    end = world.now + seconds
    while world.now < end:
        world.run(min(end, world.now + 0.05))
        assert world.primaries() == [ALPHA], f"at {world.now:.2f}"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", range(10))
def test_the_primary_acts_through_an_election_of_the_bucket(seed: int, preset: str) -> None:
    world = new_world(seed, preset)
    world.run(20)
    world.elect()
    goes_on(world, 12)
    assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(10))
def test_a_promise_ends_with_the_master_that_gave_it(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.bucket.is_down = True
    goes_on(world, 3)
    world.crash(BRAVO)
    world.run(world.now + 2)
    assert world.primaries() == []
    world.start(BRAVO)
    world.run(world.now + 5)
    assert world.primaries() == [], "what ran out is not brought back by a promise"
    world.bucket.is_down = False
    world.run(world.now + 2)
    assert world.primaries() == [ALPHA]
    assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(10))
def test_a_primary_that_dies_in_an_election_is_followed_when_it_is_over(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.bucket.is_down = True
    goes_on(world, 3)
    world.crash(ALPHA)
    world.run(world.now + 1)
    world.bucket.is_down = False
    world.run(world.now + 3)
    assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("seed", range(10))
def test_a_primary_that_alone_cannot_write_gives_way_to_who_can(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.masters[ALPHA].deaf = True
    world.run(world.now + 6)
    assert world.primaries() == [BRAVO]


def test_a_shell_that_asks_only_those_who_answer_makes_two_primaries() -> None:
    flaws = Flaws(silent_masters_need_not_promise=True)
    assert any(_is_noticed(seed, flaws) for seed in range(60))


def _is_noticed(seed: int, flaws: Flaws) -> bool:
    try:
        run_faults(new_world(seed, flaws=flaws), random_fault, seconds=60.0)
    except AssertionError:
        return True
    return False
