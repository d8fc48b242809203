"""What happens to two monitors in a seed's story, and who judges it.

A story is a minute of troubles, then everything is mended, and a bounded time later there must be
one primary again. The judge looks after every action.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from shared.domain.ids import NodeId
from tests.simulation.failover.switch import switch_over
from tests.simulation.failover.world import NODES, Flaws, Term, Weather, World

Trouble = Callable[[World], None]

TROUBLED_UNTIL: Final = 60.0
SETTLED: Final = {"local": 25.0, "lan": 40.0, "wan": 70.0}
"""How long a mended cluster may take to have its primary again."""


class Judge:
    """At any instant of true time at most one process might act, and in one epoch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._live: list[Term] = []
        self._count = 0
        self._taken = 0

    def __call__(self) -> None:
        self._one_acts()
        self._epochs_grow()

    def _one_acts(self) -> None:
        now, terms = self._world.now, self._world.terms
        if len(terms) > self._count:
            self._live = [term for term in [*self._live, *terms[self._count :]] if now < term.end]
            self._count = len(terms)
            acting = {(term.instance, term.epoch) for term in self._live}
            assert len(acting) <= 1, f"{sorted(acting)} might act at {now:.3f}"
        assert len(self._world.primaries()) <= 1, f"two masters call themselves primary at {now}"

    def _epochs_grow(self) -> None:
        taken = self._world.taken
        if len(taken) > self._taken:
            self._taken = len(taken)
            of_epoch = self._world.writers
            for epoch, instances in of_epoch.items():
                assert len(instances) == 1, f"{sorted(instances)} both began epoch {epoch}"


def begun(seed: int, preset: str = "local", flaws: Flaws | None = None) -> World:
    """A world with two monitors that start within its first second."""
    world = World(seed, preset, flaws)
    world.after_each.append(Judge(world))
    for node in NODES:
        world.at(world.random.uniform(0, 1), partial(world.start, node))
    return world


def trouble(world: World) -> None:
    """Something bad, begun or ended, for either master."""
    world.random.choice(TROUBLES)(world, world.random.choice(NODES))


def crash_or_start(world: World, node: NodeId) -> None:
    if world.masters[node].is_up:
        world.crash(node)
    else:
        world.start(node)


def start(world: World, node: NodeId) -> None:
    if not world.masters[node].is_up:
        world.start(node)


def freeze(world: World, node: NodeId) -> None:
    world.freeze(node, world.random.uniform(0.1, 6))


def suspend(world: World, node: NodeId) -> None:
    world.suspend(node, world.random.uniform(0.1, 20))


def elect(world: World, _node: NodeId) -> None:
    world.elect()


def change_weather(world: World, _node: NodeId) -> None:
    world.weather = foul(world)


def cut_one_way(world: World, node: NodeId) -> None:
    master = world.masters[node]
    if world.random.random() < 0.5:
        master.mute = not master.mute
    else:
        master.deaf = not master.deaf


def cut_off(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.mute = master.deaf = not (master.mute and master.deaf)


def stop_config(world: World, node: NodeId) -> None:
    world.masters[node].config_commits = not world.masters[node].config_commits


def unfit(world: World, node: NodeId) -> None:
    world.masters[node].fit = not world.masters[node].fit


def plan_a_change(world: World, _node: NodeId) -> None:
    switch_over(world)


TROUBLES: Final = (
    *(plan_a_change, plan_a_change),
    *(crash_or_start, start, freeze, suspend, elect, change_weather),
    *(cut_one_way, cut_one_way, cut_off, stop_config, unfit),
)


def foul(world: World) -> Weather:
    """Bad weather, of any kind."""
    worst = (0.6, 0.5, 0.3, 0.3)
    lost, late, stale, repeated = (world.random.uniform(0, each) for each in worst)
    return Weather(lost, late, stale, repeated, delay=world.random.uniform(0, 0.2))


def mend(world: World) -> None:
    """End every trouble but those that end by themselves."""
    world.weather = Weather()
    for node, master in world.masters.items():
        master.mute, master.deaf, master.config_commits, master.fit = False, False, True, True
        if not master.is_up:
            world.start(node)


def suffer(world: World, *troubles: Trouble) -> World:
    """Let *troubles* happen to *world* for a minute, mend it, and let it settle."""
    when = 3.0
    while when < TROUBLED_UNTIL:
        when += world.random.expovariate(0.8)
        world.at(when, partial(world.random.choice(troubles), world))
    world.run(when)
    mend(world)
    world.run(when + SETTLED[world.preset])
    return world


def check_healed(world: World) -> None:
    """There is a primary again, and every role had an epoch of its own, larger than the last.

    Where somebody spoiled the key, an epoch may be taken twice; it is never begun twice in the
    log, which the judge sees to.
    """
    assert len(world.primaries()) == 1, f"primaries after all was mended: {world.primaries()}"
    if not world.spoilt:
        epochs = [took.epoch for took in world.taken]
        assert epochs == sorted(set(epochs)), f"epochs in the order taken: {epochs}"


def tell(seed: int) -> World:
    """The story of *seed*: its preset and its troubles follow from the seed."""
    preset = ("local", "local", "lan", "wan")[seed % 4]
    world = begun(seed, preset)
    spoils = (World.spoil,) if seed % 3 == 2 else ()
    suffer(world, *[trouble] * 3, *spoils)
    check_healed(world)
    return world
