"""A planned change of primary in the simulated world, as the shell around the cores makes it."""

from collections.abc import Callable
from typing import Any

from services.failover_monitor.core.effects import Grant
from services.failover_monitor.core.facts import SuccessorNamed
from services.failover_monitor.core.handover import PreparedRecord
from tests.simulation.failover.master import Master
from tests.simulation.failover.world import NODES, World


def switch_over(world: World) -> None:
    """An operator wants the other master to be primary; any step may be late, or lost."""
    for old, new in planned(world):
        Switch(world, old, new).stop()


def planned(world: World) -> list[tuple[Master, Master]]:
    """Who is to hand over, to whom."""
    masters = world.masters
    changes = [(old, next(node for node in NODES if node != old)) for old in world.primaries()]
    for old, new in changes:
        world.record(f"{old} is to hand over to {new}")
    return [(masters[old], masters[new]) for old, new in changes]


class Switch:
    """One planned change of primary, step by step, as the shell makes it."""

    def __init__(self, world: World, old: Master, new: Master) -> None:
        self._world = world
        self._old, self._new = old, new
        self._instances = old.instance, new.instance

    def stop(self) -> None:
        world, old = self._world, self._old
        pauses = old.monitor.pause(old.clock(world.now))
        world.perform(old, pauses)
        self._later(old, 0.0, world.random.uniform(0.5, 8), self._give_up)
        self._next(old, self._pause_writes, pauses[0])

    def _pause_writes(self, pause: Grant) -> None:
        """Config is asked to stop; here it does, whoever cares to ask."""
        del pause
        self._confirmed()

    def _confirmed(self) -> None:
        """Config has stopped, or the shell does not care."""
        if not self._world.flaws.handover_does_not_wait_for_config:
            self._world.judge.stopped(self._instances[0])
        self._next(self._new, self._prepare)

    def _prepare(self) -> None:
        world, new = self._world, self._new
        prepared = new.monitor.prepare(new.clock(world.now))
        self._next(self._old, self._give, prepared)

    def _give(self, prepared: PreparedRecord) -> None:
        world, old = self._world, self._old
        if old.monitor.name_successor(prepared, old.clock(world.now)):
            world.perform(old, ())
            self._next(self._new, self._notify)

    def _notify(self) -> None:
        world, new = self._world, self._new
        new.monitor.step(SuccessorNamed(), new.clock(world.now))
        world.perform(new, ())

    def _give_up(self) -> None:
        world, old = self._world, self._old
        old.monitor.resume(old.clock(world.now))
        world.perform(old, ())

    def _next(self, master: Master, step: Callable[..., None], *args: Any) -> None:
        if not master.is_cut_off:
            self._later(master, self._world.fault_plan.lost, self._world.delay(), step, *args)

    def _later(
        self, master: Master, lost: float, seconds: float, step: Callable[..., None], *args: Any
    ) -> None:
        world, instance = self._world, self._instances[master is self._new]
        if world.random.random() >= lost:
            world.at(world.now + seconds, world.within, master, instance, step, *args)
