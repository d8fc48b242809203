"""Plays a transcript: each line that begins with `>` is done, what follows is what was then said.

The actors are the failover's real cores in the simulated world, under good weather and with one
seed, so a story always says the same. `tell` writes a transcript anew.
"""

from typing import Final

from shared.domain.ids import NodeId
from tests.simulation.failover.master import Master
from tests.simulation.failover.story import begun, purge, put_copy, put_junk
from tests.simulation.failover.switch import switch_over

SEED: Final = 4


class Stage:
    """The world of one transcript, and what it said so far; each verb is a method."""

    def __init__(self) -> None:
        self._world = begun(SEED)
        self._taken = self._lost = 0

    def do(self, line: str) -> list[str]:
        """Do one line; what was said.

        Raises:
            AttributeError: there is no such verb.
        """
        verb, *words = line.split()
        said: list[str] | None = getattr(self, f"on_{verb}")(*words)
        return said or []

    def on_wait(self, seconds: str) -> list[str]:
        world = self._world
        world.run(world.now + float(seconds))
        taken = [f"took epoch {each.epoch}: {each.cause}" for each in world.taken[self._taken :]]
        lost = [f"lost epoch {each.epoch}: {each.cause}" for each in world.lost[self._lost :]]
        self._taken, self._lost = len(world.taken), len(world.lost)
        return [*taken, *lost, f"primary: {', '.join(world.primaries()) or 'nobody'}"]

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
        self._master(node).config_commits = how == "works"

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


def tell(transcript: str) -> str:
    """The transcript as it is when it is played now: comments and deeds, and what was said."""
    stage, lines = Stage(), list[str]()
    for line in transcript.splitlines():
        if line.startswith("#") or not line:
            lines.append(line)
        elif line.startswith("> "):
            lines += [line, *(f"  {said}" for said in stage.do(line[2:]))]
    return "\n".join(lines) + "\n"
