"""Two monitors in a bad world: at most one of them acts at any instant of true time."""

import itertools
from functools import partial

import pytest

from tests.simulation.failover.world import NODES, Term, Weather, World

ALPHA, BRAVO = NODES
SETTLED = 25.0


def overlaps(terms: list[Term]) -> list[tuple[Term, Term]]:
    """Pairs of different processes, or of different epochs, that might act at one instant."""
    return [
        (one, other)
        for one, other in itertools.combinations(terms, 2)
        if (one.instance, one.epoch) != (other.instance, other.epoch)
        and max(one.begin, other.begin) < min(one.end, other.end)
    ]


def begun(seed: int) -> World:
    world = World(seed)
    for node in NODES:
        world.at(world.random.uniform(0, 1), partial(world.start, node))
    return world


def trouble(world: World) -> None:
    """Something bad, begun or ended."""
    node = world.random.choice(NODES)
    master = world.masters[node]
    match world.random.randrange(9):
        case 0:
            world.crash(node)
        case 1 | 2 if not master.is_up:
            world.start(node)
        case 3:
            world.freeze(node, world.random.uniform(0.1, 6))
        case 4:
            world.weather.bucket_down = not world.weather.bucket_down
        case 5:
            lost, late = world.random.uniform(0, 0.6), world.random.uniform(0, 0.5)
            world.weather = Weather(lost, late, delay=world.random.uniform(0, 0.2))
        case 6:
            master.cut_off = not master.cut_off
        case 7:
            master.config_commits = not master.config_commits
        case _:
            master.fit = not master.fit


def mend(world: World) -> None:
    world.weather = Weather()
    for node, master in world.masters.items():
        master.cut_off, master.config_commits, master.fit = False, True, True
        if not master.is_up:
            world.start(node)


@pytest.mark.parametrize("seed", range(120))
def test_at_most_one_master_acts_and_one_does_once_all_is_well(seed: int) -> None:
    world = begun(seed)
    when = 3.0
    while when < 60:
        when += world.random.expovariate(0.8)
        world.at(when, lambda: trouble(world))
    world.run(when)
    mend(world)
    world.run(when + SETTLED)
    assert overlaps(world.terms) == []
    assert len(world.primaries()) == 1
    epochs = [took.epoch for took in world.taken]
    assert len(set(epochs)) == len(epochs)


@pytest.mark.parametrize("seed", range(20))
def test_the_first_master_is_the_first_primary(seed: int) -> None:
    world = begun(seed)
    world.run(6)
    assert world.primaries() == [ALPHA]
    assert [took.epoch for took in world.taken] == [1]


@pytest.mark.parametrize("seed", range(30))
def test_the_bucket_may_be_silent_for_long_and_the_role_does_not_move(seed: int) -> None:
    world = begun(seed)
    world.run(6)
    world.weather.bucket_down = True
    world.run(6 + world.random.uniform(0.3, 20))
    world.weather.bucket_down = False
    world.run(world.now + 5)
    assert world.primaries() == [ALPHA]
    assert [took.epoch for took in world.taken] == [1]


@pytest.mark.parametrize("seed", range(30))
def test_a_dead_holder_is_replaced_within_the_wait_and_half_a_second(seed: int) -> None:
    world = begun(seed)
    world.run(6 + world.random.random())
    world.crash(ALPHA)
    world.run(world.now + 1.65 * 1.01 + 0.5)
    assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_whose_config_is_dead_gives_way_to_a_fit_backup(seed: int) -> None:
    world = begun(seed)
    world.run(8)
    world.masters[ALPHA].config_commits = False
    world.run(20)
    assert world.primaries() == [BRAVO]
    assert overlaps(world.terms) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_whose_config_is_dead_stays_while_nobody_could_do_better(seed: int) -> None:
    world = begun(seed)
    world.run(6)
    world.masters[BRAVO].fit = False
    world.run(8)
    world.masters[ALPHA].config_commits = False
    world.run(25)
    assert world.primaries() == [ALPHA]


@pytest.mark.parametrize("seed", range(20))
def test_an_unfit_backup_is_never_promoted(seed: int) -> None:
    world = begun(seed)
    world.run(6)
    world.masters[BRAVO].fit = False
    world.run(7)
    world.crash(ALPHA)
    world.run(20)
    assert world.primaries() == []
    world.start(ALPHA)
    world.run(26)
    assert world.primaries() == [ALPHA]
    assert [took.epoch for took in world.taken] == [1, 2]
