"""Two monitors in a bad world: at most one of them acts at any instant of true time."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.simulation.failover.world import DRIFT, NODES, Term, Weather, World

ALPHA, BRAVO = NODES
SETTLED = 25.0


class Judge:
    """At any instant of true time at most one process might act, and in one epoch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._live: list[Term] = []
        self._count = 0

    def __call__(self) -> None:
        now, terms = self._world.now, self._world.terms
        self._live = [term for term in [*self._live, *terms[self._count :]] if now < term.end]
        self._count = len(terms)
        acting = {(term.instance, term.epoch) for term in self._live}
        assert len(acting) <= 1, f"{sorted(acting)} might act at {now:.3f}"
        assert len(self._world.primaries()) <= 1


def begun(seed: int) -> World:
    world = World(seed)
    world.after_each.append(Judge(world))
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
            lost, late, stale = (world.random.uniform(0, worst) for worst in (0.6, 0.5, 0.3))
            world.weather = Weather(lost, late, stale, delay=world.random.uniform(0, 0.2))
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


def suffer(seed: int, *troubles: Callable[[World], None]) -> World:
    """A world after a minute of *troubles*, mended and settled; a judge looked at each step."""
    world, when = begun(seed), 3.0
    while when < 60:
        when += world.random.expovariate(0.8)
        world.at(when, partial(world.random.choice(troubles), world))
    world.run(when)
    mend(world)
    world.run(when + SETTLED)
    return world


@pytest.mark.parametrize("seed", range(120))
def test_at_most_one_master_acts_and_one_does_once_all_is_well(seed: int) -> None:
    world = suffer(seed, trouble)
    assert len(world.primaries()) == 1
    epochs = [took.epoch for took in world.taken]
    assert epochs == sorted(set(epochs))


@pytest.mark.parametrize("seed", range(60))
def test_a_spoiled_key_gives_no_epoch_of_the_log_to_two_and_the_site_recovers(seed: int) -> None:
    world = suffer(seed, trouble, trouble, trouble, World.spoil)
    assert len(world.primaries()) == 1
    of_epoch = dict(world.begun)
    assert all(of_epoch[epoch] == instance for epoch, instance in world.begun)


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
    world.run(world.now + 1.65 / (1 - DRIFT) + 0.5)
    assert world.primaries() == [BRAVO]


@pytest.mark.parametrize("seed", range(20))
def test_a_primary_whose_config_is_dead_gives_way_to_a_fit_backup(seed: int) -> None:
    world = begun(seed)
    world.run(8)
    world.masters[ALPHA].config_commits = False
    world.run(20)
    assert world.primaries() == [BRAVO]


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
