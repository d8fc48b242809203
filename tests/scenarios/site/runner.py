"""Runs the commands of a transcript of a whole site.

Its services are the product's own in the simulated world, without faults and with one seed, so a
transcript always has the same output.
"""

from typing import Final

from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events.conflict import ConflictKept, ConflictRead, ReadConflict
from shared.events.message import Event
from shared.events.replication import FollowerStateChanged, LogRebuilt, SyncNow
from tests.simulation.failover.faults import NO_FAULTS
from tests.simulation.site import repairs
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.questions import Answer
from tests.simulation.site.scenario import EVERYBODY, new_site
from tests.simulation.site.site import GENERATION
from tests.simulation.site.switch import switch_over

SEED: Final = 4
LOAD_PER_SECOND: Final = 20


class SiteRunner:
    """The site of one transcript; each command is a method."""

    def __init__(self) -> None:
        self._site = new_site(SEED)
        self._site.fault_plan = NO_FAULTS
        self._gateway = Gateway(self._site)
        self._acquired = self._lost = self._answers = self._facts = 0
        self._replies: list[str] = []

    def run(self, command: str) -> list[str]:
        """Run one command; its output.

        Raises:
            AttributeError: there is no such command.
        """
        verb, *arguments = command.split()
        output: list[str] | None = getattr(self, f"on_{verb}")(*arguments)
        return output or []

    def end(self) -> None:
        self._site.end()

    def on_wait(self, seconds: str) -> list[str]:
        site = self._site
        site.run(site.now + float(seconds))
        acquired = [
            f"took epoch {each.epoch}: {each.cause}" for each in site.acquired[self._acquired :]
        ]
        lost = [f"lost epoch {each.epoch}: {each.cause}" for each in site.lost[self._lost :]]
        facts = [describe_event(each) for each in site.facts[self._facts :]]
        self._acquired, self._lost, self._facts = (
            len(site.acquired),
            len(site.lost),
            len(site.facts),
        )
        replies, self._replies = self._replies, []
        lines = [*facts, *replies, *acquired, *lost, *self._answered()]
        return [*lines, f"primary: {self._primary()}"]

    def on_look(self) -> list[str]:
        """Where the log ends, and how far each copy is."""
        end = self._site.ledger.position
        copies = (f"{node} at {self._site.position_of(node).revision}" for node in EVERYBODY)
        where = f"revision {end.revision} of epoch {end.epoch}"
        if end.log_generation > GENERATION:
            where = f"{where}, generation {end.log_generation}"
        return [f"log: {where}; {', '.join(copies)}"]

    def on_states(self) -> list[str]:
        """The state that each master's follower reports."""
        services = self._site.services.items()
        return [f"{node}: {each.follows.following.state}" for node, each in sorted(services)]

    def on_ask(self, node: str) -> list[str]:
        """Whether a master would take over, and why not."""
        master = self._site.masters[NodeId(node)]
        reasons = master.monitor.status(master.clock(self._site.now)).reasons
        return [f"{node}: {reason}" for reason in reasons] or [f"{node} would take over"]

    def on_change(self) -> None:
        self._gateway.ask(is_put=True)

    def on_load(self, seconds: str) -> None:
        """Many changes, one after the other, while the transcript goes on."""
        site = self._site
        for number in range(round(float(seconds) * LOAD_PER_SECOND)):
            site.at(site.now + number / LOAD_PER_SECOND, self.on_change)

    def on_crash(self, node: str) -> None:
        self._site.crash(NodeId(node))

    def on_start(self, node: str) -> None:
        self._site.start(NodeId(node))

    def on_stop(self, node: str) -> None:
        """Config and replication of a node end; its monitor goes on."""
        self._site.crash_services(NodeId(node))

    def on_run(self, node: str) -> None:
        self._site.start_services(NodeId(node))

    def on_freeze(self, node: str, seconds: str) -> None:
        self._site.freeze(NodeId(node), float(seconds))

    def on_quorum(self, how: str) -> None:
        """Two of the three servers are lost, or back: no lease, no log."""
        self._site.bucket.is_down = self._site.servers.is_down = how == "lost"

    def on_database(self, node: str, how: str) -> None:
        self._site.databases[NodeId(node)].is_down = how == "down"

    def on_lose(self) -> None:
        """Every server of the log loses its files."""
        repairs.lose_files(self._site)

    def on_alone(self, node: str) -> None:
        """The server of *node* is started in no cluster, with an empty store."""
        assert node in self._site.masters, f"{node} has no server of the log"
        repairs.start_alone(self._site)

    def on_rejoin(self) -> None:
        """Every server begins empty, as one cluster."""
        repairs.rejoin(self._site)

    def on_promote(self, node: str) -> None:
        order = repairs.promotion(NodeId(node), "its data centre burns")
        repairs.order(self._site, order, self._on_reply)

    def on_rebuild(self, node: str, how: str = "") -> None:
        order = repairs.rebuilding(NodeId(node), is_forced=how == "force")
        repairs.order(self._site, order, self._on_reply)

    def on_resync(self, node: str) -> None:
        order = SyncNow(node=NodeId(node), resync=True)
        repairs.order(self._site, order, self._on_reply)

    def on_conflicts(self, node: str) -> list[str]:
        """What a master keeps that it had alone."""
        kept = self._site.databases[NodeId(node)].conflicts
        for conflict in kept:
            question = ReadConflict(node=NodeId(node), id=conflict)
            repairs.order(self._site, question, self._on_reply)
        self._site.run(self._site.now)
        replies, self._replies = self._replies, []
        return replies or [f"{node} keeps no conflict"]

    def on_wipe(self) -> None:
        stream = self._site.servers.newest
        assert stream is not None, "there is a log to be emptied"
        stream.wipe()

    def on_switchover(self) -> None:
        switch_over(self._site)

    def _on_reply(self, answer: Answer) -> None:
        """Keep the reply to an order, if no event reports it: a refusal, or a conflict."""
        if isinstance(answer, MeridianError):
            self._replies.append(f"refused: {answer.message}")
        elif isinstance(answer, ConflictRead):
            self._replies += describe_conflict(answer)

    def _primary(self) -> str:
        return ", ".join(self._site.primaries()) or "nobody"

    def _answered(self) -> list[str]:
        """What was acknowledged since; many changes make one line."""
        answers = self._site.ledger.answers[self._answers :]
        self._answers = len(self._site.ledger.answers)
        if len(answers) > 1:
            modes = ", ".join(sorted({answer.mode for _, answer in answers}))
            return [f"{len(answers)} changes accepted, {modes}"]
        return [
            f"change {request_id} accepted at revision {answer.revision}, on "
            f"{' and '.join(answer.durable_on)}, {answer.mode}"
            for request_id, answer in answers
        ]


def describe_event(event: Event) -> str:
    """One line about an event that tools outside receive."""
    match event:
        case FollowerStateChanged():
            is_repeated = event.cause.startswith(event.state)
            return (
                f"{event.node}: {event.cause if is_repeated else f'{event.state}, {event.cause}'}"
            )
        case LogRebuilt():
            missing = " and ".join(event.unreachable)
            unreachable = f", {missing} was not asked" if missing else ""
            where = f"revision {event.revision} of epoch {event.epoch}"
            return f"generation {event.log_generation} begins on {event.node}, {where}{unreachable}"
        case ConflictKept():
            count = f"{event.count} {'document' if event.count == 1 else 'documents'}"
            return f"{event.node} had {count} another way after revision {event.ancestor}: kept"
        case _:
            raise AssertionError(f"the site keeps no {event}")


def describe_conflict(conflict: ConflictRead) -> list[str]:
    """One line for each document of a conflict."""
    return [
        f"{conflict.line.node} alone had revision {each.revision}: "
        f"{each.op} {each.kind}/{each.id} by {each.author}"
        for each in conflict.changes
    ]
