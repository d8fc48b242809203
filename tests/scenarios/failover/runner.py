"""Runs the commands of a transcript of two monitors.

The monitors are the failover's real cores in the simulated world, without faults and with one seed,
so a transcript always has the same output.
"""

from typing import Final

from services.failover_monitor.core.fitness import CONFIG
from shared.domain.ids import NodeId
from tests.simulation.failover.master import Master
from tests.simulation.failover.scenario import new_world, purge, put_copy, put_junk
from tests.simulation.failover.services import Sickness
from tests.simulation.failover.switch import switch_over

SEED: Final = 4


class FailoverRunner:
    """The world of one transcript; each command is a method."""

    def __init__(self) -> None:
        self._world = new_world(SEED)
        self._acquired = self._lost = 0

    def run(self, command: str) -> list[str]:
        """Run one command; its output.

        Raises:
            AttributeError: there is no such command.
        """
        verb, *arguments = command.split()
        output: list[str] | None = getattr(self, f"on_{verb}")(*arguments)
        return output or []

    def on_wait(self, seconds: str) -> list[str]:
        world = self._world
        world.run(world.now + float(seconds))
        acquired = [
            f"took epoch {each.epoch}: {each.cause}" for each in world.acquired[self._acquired :]
        ]
        lost = [f"lost epoch {each.epoch}: {each.cause}" for each in world.lost[self._lost :]]
        self._acquired, self._lost = len(world.acquired), len(world.lost)
        return [*acquired, *lost, f"primary: {', '.join(world.primaries()) or 'nobody'}"]

    def on_ask(self, node: str) -> list[str]:
        master = self._master(node)
        now = master.clock(self._world.now)
        if master.monitor.status(now).could_take_over:
            return [f"{node} would take over"]
        return [f"{node}: {reason}" for reason in master.monitor.status(now).reasons]

    def on_crash(self, node: str) -> None:
        self._world.crash(NodeId(node))

    def on_start(self, node: str) -> None:
        self._world.start(NodeId(node))

    def on_freeze(self, node: str, seconds: str) -> None:
        self._world.freeze(NodeId(node), float(seconds))

    def on_suspend(self, node: str, seconds: str) -> None:
        self._world.suspend(NodeId(node), float(seconds))

    def on_mute(self, node: str) -> None:
        self._master(node).mute = True

    def on_deafen(self, node: str) -> None:
        self._master(node).deaf = True

    def on_heal(self, node: str) -> None:
        self._master(node).mute = self._master(node).deaf = False

    def on_fit(self, node: str, is_so: str) -> None:
        self._master(node).fit = is_so == "yes"

    def on_bucket(self, how: str) -> None:
        self._world.bucket.is_down = how == "down"

    def on_config(self, node: str, how: str) -> None:
        services = self._master(node).services
        if how == "works":
            services.heal_all()
        else:
            sickness = Sickness(how)
            services.fall_sick(CONFIG, sickness, self._master(node).clock(self._world.now))

    def on_switchover(self) -> None:
        switch_over(self._world)

    def on_junk(self) -> None:
        put_junk(self._world)

    def on_copy(self) -> None:
        put_copy(self._world)

    def on_delete(self) -> None:
        purge(self._world)

    def on_flood(self, seconds: str) -> None:
        """Junk every 50 ms, for so long."""
        for number in range(round(float(seconds) / 0.05)):
            self._world.at(self._world.now + number * 0.05, put_junk, self._world)

    def _master(self, node: str) -> Master:
        return self._world.masters[NodeId(node)]
