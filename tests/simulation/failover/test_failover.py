"""Two monitors in a bad world: at most one of them acts at any instant of true time."""

import pytest

from services.failover_monitor.core.fitness import CONFIG
from tests.simulation.failover.scenario import new_world, play
from tests.simulation.failover.services import Sickness
from tests.simulation.failover.switch import switch_over
from tests.simulation.failover.world import DRIFT, NODES

ALPHA, BRAVO = NODES

SEEDS, AT_A_TIME, SECONDS = 1_000, 40, 60.0
"""What every run of the tests plays; `make simulate` plays more seeds, and longer scenarios."""


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_at_most_one_master_acts_and_one_does_once_all_is_well(first: int) -> None:
    for seed in range(first, first + AT_A_TIME):
        play(seed, seconds=SECONDS)


@pytest.mark.parametrize("seed", range(20))
def test_the_first_master_is_the_first_primary(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    assert world.primaries() == [ALPHA]
    assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(30))
def test_the_bucket_may_be_silent_for_long_and_the_role_does_not_move(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.bucket.is_down = True
    world.run(6 + world.random.uniform(0.3, 20))
    world.bucket.is_down = False
    world.run(world.now + 5)
    assert world.primaries() == [ALPHA]
    assert [role.epoch for role in world.acquired] == [1]


@pytest.mark.parametrize("seed", range(30))
def test_a_dead_holder_is_replaced_within_the_wait_and_half_a_second(seed: int) -> None:
    world = new_world(seed)
    world.run(6 + world.random.random())
    world.crash(ALPHA)
    world.run(world.now + 1.65 / (1 - DRIFT) + 0.5)
    assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_that_is_heard_but_hears_nothing_gives_way(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.masters[ALPHA].mute = True
    world.run(10)
    assert world.primaries() == [BRAVO]
    world.masters[ALPHA].mute = False
    world.run(12)
    assert world.primaries() == [BRAVO]
    assert [role.epoch for role in world.acquired] == [1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_that_sleeps_for_long_wakes_as_a_backup(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.suspend(ALPHA, 60)
    world.run(10)
    assert world.primaries() == [BRAVO]
    world.run(70)
    assert world.primaries() == [BRAVO]
    assert [role.epoch for role in world.acquired] == [1, 2]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_whose_config_is_dead_gives_way_to_a_fit_backup(seed: int) -> None:
    world = new_world(seed)
    world.run(8)
    alpha = world.masters[ALPHA]
    alpha.services.fall_sick(CONFIG, Sickness.DEAD, alpha.clock(world.now))
    world.run(20)
    assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_whose_config_is_dead_stays_while_nobody_could_do_better(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.masters[BRAVO].fit = False
    world.run(8)
    alpha = world.masters[ALPHA]
    alpha.services.fall_sick(CONFIG, Sickness.DEAD, alpha.clock(world.now))
    world.run(25)
    assert world.primaries() == [ALPHA]


@pytest.mark.parametrize("seed", range(20))
def test_an_unfit_backup_is_never_promoted(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    world.masters[BRAVO].fit = False
    world.run(7)
    world.crash(ALPHA)
    world.run(20)
    assert world.primaries() == []
    world.start(ALPHA)
    world.run(26)
    assert world.primaries() == [ALPHA]
    assert [role.epoch for role in world.acquired] == [1, 2]


@pytest.mark.parametrize("seed", range(30))
def test_a_switchover_moves_the_role_at_once_and_back(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    for epoch, primary in ((2, BRAVO), (3, ALPHA)):
        switch_over(world)
        world.run(world.now + 0.3)
        assert world.primaries() == [primary]
        assert world.acquired[-1].epoch == epoch
    world.run(world.now + 10)
    assert world.primaries() == [ALPHA]


@pytest.mark.parametrize("seed", range(20))
def test_a_switchover_to_a_master_that_died_meanwhile_is_taken_back(seed: int) -> None:
    world = new_world(seed)
    world.run(6)
    switch_over(world)
    world.crash(BRAVO)
    world.run(world.now + 12)
    assert world.primaries() == [ALPHA]
    assert [role.epoch for role in world.acquired] == [1]
