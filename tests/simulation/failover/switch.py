"""A planned change of primary in the simulated world, as the shell around the cores makes it."""

from collections.abc import Callable
from functools import partial

from services.failover_monitor.core.handover import Prepared
from tests.simulation.failover.world import NODES, Master, World


def switch_over(world: World) -> None:
    """An operator wants the other master to be primary; any step may be late, or lost."""
    for old in world.primaries():
        new = next(node for node in NODES if node != old)
        Switch(world, world.masters[old], world.masters[new]).stop()


class Switch:
    """One planned change of primary, step by step, as the shell makes it."""

    def __init__(self, world: World, old: Master, new: Master) -> None:
        self._world = world
        self._old, self._new = old, new
        self._names = old.instance, new.instance

    def stop(self) -> None:
        world, old = self._world, self._old
        world.perform(old, old.monitor.handover.stop(old.clock(world.now)))
        self._later(old, 0.0, world.random.uniform(0.5, 8), self._give_up)
        self._next(old, self._confirmed)

    def _confirmed(self) -> None:
        """Config has stopped, or the shell does not care."""
        world = self._world
        if not world.flaws.handover_does_not_wait_for_config:
            for term in world.terms:
                if term.instance == self._names[0]:
                    term.end = min(term.end, world.now)
        self._next(self._new, self._prepare)

    def _prepare(self) -> None:
        world, new = self._world, self._new
        prepared = new.monitor.handover.prepare(new.clock(world.now))
        self._next(self._old, partial(self._give, prepared))

    def _give(self, prepared: Prepared) -> None:
        world, old = self._world, self._old
        if old.monitor.handover.give(prepared, old.clock(world.now)):
            world.perform(old, ())
            self._next(self._new, self._tell)

    def _tell(self) -> None:
        world, new = self._world, self._new
        new.monitor.handover.told(new.clock(world.now))
        world.perform(new, ())

    def _give_up(self) -> None:
        world, old = self._world, self._old
        old.monitor.handover.resume(old.clock(world.now))
        world.perform(old, ())

    def _next(self, master: Master, step: Callable[[], None]) -> None:
        if not (master.mute or master.deaf):
            self._later(master, self._world.weather.lost, self._world.delay(), step)

    def _later(self, master: Master, lost: float, seconds: float, step: Callable[[], None]) -> None:
        world, name = self._world, self._names[master is self._new]
        if world.random.random() >= lost:
            world.at(world.now + seconds, lambda: world.within(master, name, step))
