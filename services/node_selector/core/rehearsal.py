"""Places a population one after the other, as if the site were what somebody supposes.

A rehearsal has a roster of its own: the nodes that are alive now, less those that are supposed to
have failed, by the rule that is tried. Whoever is placed stays, so nodes fill up and loads grow as
they would; nodes that just came back count in full, because it is the steady state that is asked
for. The live roster is read and never changed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.node_selector.core.facts import Question
from services.node_selector.core.liveness import Load
from services.node_selector.core.nearest import great_circle_km
from services.node_selector.core.roster import Roster
from services.node_selector.core.selection import choose
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is tried: a rule, nodes that *failed*, and *sessions* that nodes are to begin with."""

    rule: Selection
    failed: Collection[NodeId] = ()
    sessions: Mapping[NodeId, int] = field(default_factory=dict[NodeId, int])


class Rehearsal:
    """A site as it is supposed to be."""

    def __init__(
        self,
        live: Roster,
        site: SiteDocument,
        nodes: Mapping[NodeId, NodeDocument],
        supposed: Supposed,
        now: Instant,
    ) -> None:
        self._rule = supposed.rule.model_copy(update={"slow_start_seconds": 0.0})
        self._nodes = nodes
        self._now = now
        self._roster = Roster(live.version)
        self._roster.read(site.model_copy(update={"selection": self._rule}), nodes)
        self._loads: dict[NodeId, Load] = {}
        for node in nodes:
            seen = live.live.seen(node, site.timing, now)
            if seen is not None and seen.liveness is Liveness.ALIVE and node not in supposed.failed:
                sessions = supposed.sessions.get(node, seen.load.sessions)
                self._speak(node, Load(sessions, seen.load.draining, seen.load.version))

    @property
    def sessions(self) -> dict[NodeId, int]:
        """How many sessions each node has now."""
        return {node: load.sessions for node, load in self._loads.items()}

    def place(self, questions: Iterable[tuple[Question, int]]) -> list[NodeId | None]:
        """Where each goes, with so many clients that look alike; None when nobody takes them."""
        return [self._place(question, clients) for question, clients in questions]

    def kilometres(self, question: Question, node: NodeId | None) -> float | None:
        """How far *node* is from the client, where both have a place."""
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
        self._speak(chosen[0], Load(load.sessions + clients, load.draining, load.version))
        return chosen[0]

    def _speak(self, node: NodeId, load: Load) -> None:
        self._loads[node] = load
        self._roster.relay_spoke(node, load, self._now)
