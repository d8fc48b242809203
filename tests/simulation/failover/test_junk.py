"""Somebody spoils the lease's key: no role moves, nobody acts twice, and it ends with the junk."""

from collections.abc import Callable

import pytest

from tests.simulation.failover.faults import USUAL_FAULTS, FaultPlan, Flaws
from tests.simulation.failover.scenario import (
    flood,
    hide,
    new_world,
    purge,
    put_copy,
    put_junk,
    run_faults,
    spoil,
)
from tests.simulation.failover.switch import switch_over
from tests.simulation.failover.test_promise import PRESETS, goes_on
from tests.simulation.failover.world import DRIFT, NODES, World

ALPHA, BRAVO = NODES


def settled(seed: int, preset: str = "local") -> World:
    world = new_world(seed, preset)
    world.run(20)
    assert world.primaries() == [ALPHA]
    return world


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("action", [put_junk, put_copy, purge, flood, hide])
def test_junk_alone_moves_no_role_and_stops_nobody(
    action: Callable[[World], None], preset: str
) -> None:
    for seed in range(5):
        world = settled(seed, preset)
        action(world)
        goes_on(world, 12)
        assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_put_into_the_key_of_healthy_masters_moves_no_role(seed: int) -> None:
    world = run_faults(settled(seed), spoil, seconds=60.0)
    assert world.bucket.was_spoilt
    assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(20))
def test_a_dead_holder_is_followed_one_wait_after_the_last_junk(seed: int) -> None:
    world = settled(seed)
    flood(world)
    world.crash(ALPHA)
    world.run(world.bucket.flooded_until + 1.65 / (1 - DRIFT) + 0.5)
    assert world.primaries() == [BRAVO]
    assert [role.epoch for role in world.acquired] == [1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_masters_that_start_upon_junk_have_a_primary_after_the_wait(seed: int) -> None:
    world = new_world(seed)
    put_junk(world)
    world.run(6)
    assert world.primaries() == [ALPHA]


@pytest.mark.parametrize("seed", range(40))
def test_a_switchover_amid_junk_gives_the_role_to_one_of_both(seed: int) -> None:
    world = settled(seed)
    flood(world)
    switch_over(world)
    world.run(world.bucket.flooded_until + 12)
    assert len(world.primaries()) == 1
    assert world.acquired[-1].epoch <= 2


def is_named(world: World) -> bool:
    """Whether a record that names bravo was sent, or bravo acts on it already."""
    return bool(world.bucket.known) and world.bucket.known[-1].holder == BRAVO


@pytest.mark.parametrize("seed", range(20))
def test_junk_over_the_record_of_a_successor_gives_the_old_one_nothing_back(seed: int) -> None:
    """Alpha never hears that its record landed; it finds junk, and wants to act again."""
    world = settled(seed)
    world.fault_plan = FaultPlan(delay=0.02)
    alpha = world.masters[ALPHA]
    switch_over(world)
    until(world, lambda: is_named(world))
    alpha.deaf, patience = True, world.now + world.timing.renew_seconds
    until(world, lambda: world.primaries() == [BRAVO])
    world.run(patience - 0.01)
    put_junk(world)
    alpha.deaf = False
    alpha.monitor.resume(alpha.clock(world.now))
    world.perform(alpha, ())
    world.run(world.now + 3)
    assert world.primaries() == [BRAVO]
    assert [role.epoch for role in world.acquired] == [1, 2]


def until(world: World, condition: Callable[[], bool]) -> None:
    end = world.now + 5
    while not condition():
        assert world.now < end, "it never came to that"
        world.run(world.now + 0.001)


def wakes_upon_a_copy(seed: int, flaws: Flaws) -> World:
    """Alpha's last renewal is lost and it sleeps; it wakes up where somebody put that record."""
    world = new_world(seed, flaws=flaws)
    world.run(20)
    world.fault_plan = USUAL_FAULTS
    alpha = world.masters[ALPHA]
    alpha.mute = True
    world.run(world.now + 0.4)
    world.freeze(ALPHA, 4)
    alpha.mute = False
    world.run(world.now + 3.9)
    assert world.primaries() == [BRAVO]
    world.fault_plan = FaultPlan(late=0.2, delay=0.01)
    world.bucket.put_copy(alpha.instance)
    world.run(world.now + 2)
    return world


def test_a_holder_that_wakes_up_upon_a_copy_of_its_lost_renewal_does_not_act() -> None:
    for seed in range(60):
        world = wakes_upon_a_copy(seed, Flaws())
        assert ALPHA not in world.primaries()


def test_a_shell_that_takes_a_copy_for_the_record_makes_two_primaries() -> None:
    assert any(_is_noticed(seed, Flaws(copies_count=True)) for seed in range(60))


def _is_noticed(seed: int, flaws: Flaws) -> bool:
    try:
        wakes_upon_a_copy(seed, flaws)
    except AssertionError as error:
        return "might act" in str(error)
    return False
