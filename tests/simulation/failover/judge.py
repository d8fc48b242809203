"""Checks the cores: at any instant of true time at most one process may act, in one epoch.

The judge records every grant, and checks the masters after every call of a core. Nothing else can
make a second primary: between two calls a role only ends.
"""

from typing import Protocol

from shared.domain.ids import Epoch, NodeId
from tests.simulation.failover.master import Master


class WorldView(Protocol):
    """What the judge checks."""

    masters: dict[NodeId, Master]

    @property
    def now(self) -> float: ...


class Judge:
    """Keeps until when each process might act, and who began which epoch."""

    def __init__(self, world: WorldView) -> None:
        self._world = world
        self._terms: dict[tuple[str, Epoch], float] = {}
        self._began: dict[Epoch, str] = {}

    def may_act(self, instance: str, epoch: Epoch, until: float) -> None:
        """A process of *instance* might act from now to *until*, true time."""
        now, mine = self._world.now, (instance, epoch)
        for other, end in self._terms.items():
            assert other == mine or end <= now, f"{other} and {mine} might act at {now:.3f}"
        if len(self._terms) > 1:
            self._terms = {mine: self._terms.get(mine, 0.0)}
        self._terms[mine] = max(until, self._terms.get(mine, 0.0))

    def stopped(self, instance: str) -> None:
        """Every process of *instance* has stopped, and knows it."""
        now = self._world.now
        for term, end in self._terms.items():
            if term[0] == instance:
                self._terms[term] = min(end, now)

    def terms_of(self, node: NodeId) -> dict[tuple[str, Epoch], float]:
        """The terms of *node*'s processes that are not over."""
        now = self._world.now
        return {
            term: end for term, end in self._terms.items() if term[0].startswith(node) and now < end
        }

    def was_called(self, master: Master) -> None:
        """A core was called: if its master acts as primary now, no other one does."""
        now = self._world.now
        if not master.acts(now):
            return
        for other in self._world.masters.values():
            if other is not master and other.acts(now):
                raise AssertionError(f"two masters call themselves primary at {now}")

    def began(self, epoch: Epoch, instance: str) -> None:
        """*instance* wrote the first entry of *epoch*."""
        first = self._began.setdefault(epoch, instance)
        assert first == instance, f"{first} and {instance} both began epoch {epoch}"
