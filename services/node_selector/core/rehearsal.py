"""Places a population of clients one after the other under assumed conditions.

A rehearsal has a roster of its own: the nodes that are alive now, without those assumed to have
failed, under the rule to try. Each client that is placed stays, so loads grow and nodes fill up as
they would in reality. Nodes that just came back count in full, because the question is the steady
state. The live roster is read and never changed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.node_selector.core.facts import Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.proximity import great_circle_km
from services.node_selector.core.roster import Roster
from services.node_selector.core.selection import choose
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The rule to try, the nodes that *failed*, and the *sessions* that nodes begin with."""

    rule: Selection
    failed: Collection[NodeId] = ()
    sessions: Mapping[NodeId, int] = field(default_factory=dict[NodeId, int])


class Rehearsal:
    """A site under assumptions."""

    def __init__(
        self,
        live: Roster,
        site: SiteDocument,
        nodes: Mapping[NodeId, NodeDocument],
        assumptions: Assumptions,
        now: Instant,
    ) -> None:
        self._rule = assumptions.rule.model_copy(update={"slow_start_seconds": 0.0})
        self._nodes = nodes
        self._now = now
        self._roster = Roster(live.version)
        self._roster.update_directory(site.model_copy(update={"selection": self._rule}), nodes)
        self._loads: dict[NodeId, Load] = {}
        for node in nodes:
            status = live.live.status_of(node, site.timing, now)
            if (
                status is not None
                and status.liveness is Liveness.ALIVE
                and node not in assumptions.failed
            ):
                sessions = assumptions.sessions.get(node, status.load.sessions)
                self._record_load(node, Load(sessions, status.load.draining, status.load.version))

    @property
    def sessions(self) -> dict[NodeId, int]:
        """Return how many sessions each node has now."""
        return {node: load.sessions for node, load in self._loads.items()}

    def place(self, questions: Iterable[tuple[Question, int]]) -> list[NodeId | None]:
        """Return a node for each question and its number of clients; None when none takes them."""
        return [self._place(question, clients) for question, clients in questions]

    def kilometres(self, question: Question, node: NodeId | None) -> float | None:
        """Return how far *node* is from the client, where both have a place."""
        place, here = self._nodes[node].location if node else None, question.end.location
        if place is None or here is None:
            return None
        ends = (here.latitude, here.longitude), (place.latitude, place.longitude)
        return great_circle_km(*ends)

    def _place(self, question: Question, clients: int) -> NodeId | None:
        chosen = choose(question, self._rule, self._roster)
        if not chosen:
            return None
        load = self._loads[chosen[0]]
        self._record_load(chosen[0], Load(load.sessions + clients, load.draining, load.version))
        return chosen[0]

    def _record_load(self, node: NodeId, load: Load) -> None:
        self._loads[node] = load
        self._roster.record_relay(node, load, self._now)
