"""A planned change of primary in the simulated world, as the shell around the cores makes it."""

from collections.abc import Callable
from typing import Any, Final

from services.failover_monitor.core.effects import Grant
from services.failover_monitor.core.facts import SuccessorNamed
from services.failover_monitor.core.handover import PreparedRecord
from tests.simulation.failover.master import Master
from tests.simulation.failover.world import NODES, World

EARLY_SECONDS: Final = 0.01


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


def give_way(world: World, old: Master) -> None:
    """The shell of a sick holder hands its role over, as soon as the core names a successor."""
    status = old.monitor.status(old.clock(world.now))
    if status.successor is not None:
        GiveWay(world, old, world.masters[status.successor]).ask()


class Switch:
    """One planned change of primary, step by step, as the shell makes it."""

    _why = ""

    def __init__(self, world: World, old: Master, new: Master) -> None:
        self._world = world
        self._old, self._new = old, new
        self._instances = old.instance, new.instance
        self._is_over = False

    def stop(self) -> None:
        world, old = self._world, self._old
        if old.hands_over == self._instances[0]:
            return  # the shell hands the role over already
        old.hands_over = self._instances[0]
        pauses = old.monitor.pause(old.clock(world.now))
        world.perform(old, pauses)
        patience = self._grant_seconds() + world.random.uniform(0.5, 8)
        self._later(old, 0.0, patience, self._give_up)
        self._next(old, self._pause_writes, pauses[0])

    def _grant_seconds(self) -> float:
        """How long the shell waits for grants to run out, at the most."""
        return 0.0

    def _pause_writes(self, pause: Grant) -> None:
        """Config is asked to stop; it does, whoever cares to ask, unless it is deaf."""
        del pause
        if self._old.services.confirms_pauses:
            self._confirmed()

    def _confirmed(self) -> None:
        """Config has stopped, or the shell does not care."""
        if not self._world.flaws.handover_does_not_wait_for_config:
            self._world.judge.stopped(self._instances[0])
        self._next(self._new, self._prepare)

    def _prepare(self) -> None:
        world, new = self._world, self._new
        prepared = new.monitor.prepare(new.clock(world.now), self._why)
        self._next(self._old, self._give, prepared)

    def _give(self, prepared: PreparedRecord) -> None:
        world, old = self._world, self._old
        if not self._is_over and old.monitor.name_successor(prepared, old.clock(world.now)):
            world.perform(old, ())
            self._next(self._new, self._notify)

    def _end(self) -> None:
        if self._old.hands_over == self._instances[0]:
            self._old.hands_over = ""

    def _notify(self) -> None:
        world, new = self._world, self._new
        self._end()
        new.monitor.step(SuccessorNamed(), new.clock(world.now))
        world.perform(new, ())

    def _give_up(self) -> None:
        world, old = self._world, self._old
        self._is_over = True
        self._end()
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


class GiveWay(Switch):
    """A sick master hands its role over: its successor proves by a commit that it can take it.

    Where config cannot confirm the pause, the shell waits until the last grant has run out.
    """

    _why = "it is sick"

    def _grant_seconds(self) -> float:
        return 2 * self._world.timing.acting_seconds

    def ask(self) -> None:
        """Ask the successor first; nothing has happened yet if it cannot take the role."""
        self._next(self._new, self._prove, self._begin)

    def _prove(self, then: Callable[..., None]) -> None:
        """The successor commits once; it gives no answer that would lead on if it cannot."""
        world, new = self._world, self._new
        reasons = new.monitor.status(new.clock(world.now)).reasons
        if not reasons and not new.services.fresh_fault():
            self._next(self._old, then)

    def _begin(self) -> None:
        old, now = self._old, self._old.clock(self._world.now)
        if old.monitor.status(now).successor == self._new.node:
            self.stop()

    def _pause_writes(self, pause: Grant) -> None:
        if self._old.services.confirms_pauses:
            self._confirmed()
            return
        world, old = self._world, self._old
        until = (
            world.now
            if world.flaws.handing_over_does_not_wait_for_grants
            else (old.true(pause.valid_until) + EARLY_SECONDS)
        )
        world.at(max(world.now, until), world.within, old, self._instances[0], self._ran_out)

    def _ran_out(self) -> None:
        """No grant of config is valid any more."""
        self._next(self._new, self._prove, self._prepare_again)

    def _prepare_again(self) -> None:
        self._next(self._new, self._prepare)
