"""The failsafe promise in the simulated world, asked for and given as the shell does it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.failover_monitor.core.effects import CollectVotes
from services.failover_monitor.core.facts import VotesCollected
from shared.domain.ids import NodeId
from shared.events.failover import PromiseVote
from tests.simulation.failover.master import Master
from tests.simulation.failover.world import World


@dataclass(eq=False)
class Asking:
    """One request: whom it went to, and what came back so far."""

    master: Master
    instance: str
    effect: CollectVotes
    others: frozenset[NodeId]
    promises: list[PromiseVote] = field(default_factory=list[PromiseVote])


class Promises:
    """Requests and promises on their way; any of them may be lost, late, or come twice."""

    def __init__(self, world: World) -> None:
        self._world = world

    def ask(self, master: Master, effect: CollectVotes) -> None:
        world = self._world
        others = frozenset(node for node in world.masters if node != master.node)
        asking = Asking(master, master.instance, effect, others)
        for node in sorted(others):
            self._travel(master, world.masters[node], self._asked, asking, world.masters[node])
        patience = world.now + world.timing.renew_seconds
        world.at(patience, world.within, master, asking.instance, self._end, asking)

    def _asked(self, asking: Asking, other: Master) -> None:
        world = self._world
        world.within(other, other.instance, self._probe, asking, other)

    def _probe(self, asking: Asking, other: Master) -> None:
        """*other* tries to write to the bucket, and decides when it knows."""
        world = self._world
        later = world.now + world.random.uniform(0, world.timing.probe_seconds)
        world.at(later, world.within, other, other.instance, self._decide, asking, other)

    def _decide(self, asking: Asking, other: Master) -> None:
        world = self._world
        asked, now = asking.effect.terms, other.clock(world.now)
        promise = other.monitor.vote(asked, now, can_write=self._can_write(other))
        world.record(f"{other.instance} answers {asking.instance}: {promise.refusal or 'promised'}")
        self._travel(other, asking.master, self._answered, asking, promise)

    def _can_write(self, other: Master) -> bool:
        world = self._world
        is_lost = world.random.random() < world.fault_plan.lost
        has_bucket = not (world.bucket.is_down or world.bucket.is_lost)
        return has_bucket and not (other.is_cut_off or is_lost)

    def _answered(self, asking: Asking, promise: PromiseVote) -> None:
        self._world.within(asking.master, asking.instance, self._hear, asking, promise)

    def _hear(self, asking: Asking, promise: PromiseVote) -> None:
        asking.promises.append(promise)
        if {each.node for each in asking.promises} >= asking.others:
            self._end(asking)

    def _end(self, asking: Asking) -> None:
        """Notify the core; a second time, too, which must change nothing."""
        world, master = self._world, asking.master
        masters = asking.others
        if world.flaws.silent_masters_need_not_promise:
            masters = frozenset(each.node for each in asking.promises)
        number, promises = asking.effect.terms.number, tuple(asking.promises)
        answers = VotesCollected(number, masters, world.epoch_of(master), promises)
        world.perform(master, master.monitor.step(answers, master.clock(world.now)))

    def _travel(
        self, sender: Master, receiver: Master, arrive: Callable[..., None], *args: Any
    ) -> None:
        """Let something go from *sender* to *receiver*; the network may lose or repeat it."""
        world = self._world
        for _ in range(world.times()):
            is_cut = sender.mute or receiver.deaf
            if world.random.random() >= world.fault_plan.lost and not is_cut:
                world.at(world.now + world.delay(), arrive, *args)
