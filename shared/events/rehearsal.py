"""Messages that rehearse selection: a population is placed as now, and nothing is changed."""

from typing import ClassVar, Final

from pydantic import Field

from shared.documents.node import Location
from shared.documents.selection import Selection
from shared.domain.ids import NodeId, Revision
from shared.domain.placement import RehearsedPlacement
from shared.events.message import Message, Request
from shared.events.selection import ClientFacts
from shared.events.subject import Subject

MOST_AT_ONCE: Final = 500
"""So many clients fit into one message; more come in parts."""


class RehearsedClient(Message):
    """One client, or *clients* that look alike; *location* goes before what its address says."""

    facts: ClientFacts
    location: Location | None = None
    clients: int = Field(default=1, ge=1)


class SelectionRehearsed(Message):
    """A placement for each client, in order, and how many *sessions* each node has then."""

    placements: tuple[RehearsedPlacement, ...]
    sessions: dict[NodeId, int]
    revision: Revision


class RehearseSelection(Request[SelectionRehearsed]):
    """Place *clients* one after the other by *rule*, as if *failed* were dead.

    Placed clients stay and fill their nodes. *sessions* is how many those have at the beginning,
    from the part before; empty in the first, where each has what it has now. *first* counts the
    clients of the parts before, so that chance draws the same for the same population.
    """

    subject: ClassVar = Subject(
        "meridian.selection.rehearse",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"node_selector"}),
    )

    clients: tuple[RehearsedClient, ...] = Field(max_length=MOST_AT_ONCE)
    rule: Selection
    failed: tuple[NodeId, ...] = ()
    sessions: dict[NodeId, int] = {}
    first: int = 0
