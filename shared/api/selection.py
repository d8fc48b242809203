"""Models of node selection: an explained choice for two ends, and a rehearsal of many."""

from typing import Final

from pydantic import ConfigDict, Field, TypeAdapter

from shared.api.call import Call
from shared.api.model import ApiModel, Name, NodeName
from shared.api.sessions import EndpointFacts
from shared.decoding.jsontext import LARGEST_INTEGER
from shared.documents.node import Location
from shared.documents.selection import SelectionMethod, SelectionOverride
from shared.domain.ids import NodeId, Revision
from shared.domain.placement import Choice, RehearsedPlacement, SharedAddress

MOST_AT_ONCE: Final = 500
"""So many clients fit into one rehearsal; more come in parts."""


class ImaginedEndpoint(EndpointFacts):
    """One end as an operator imagines it; a customer has the caller's own address by default."""

    address: str | None = Field(default=None, max_length=64)


class SelectionQuestion(ApiModel):
    """Asks for the node for these ends, at this public site, for this team, by these methods."""

    client: ImaginedEndpoint = ImaginedEndpoint()
    other: ImaginedEndpoint | None = None
    count: int = Field(default=3, ge=1, le=100)
    methods: tuple[SelectionMethod, ...] = ()
    public_site: Name | None = None
    team: Name | None = None
    pin: NodeName | None = None


class ExplainedNode(ApiModel):
    """A node's rank (from 1) or the one reason it was refused, and where it is."""

    node: NodeId
    rank: int | None
    reason: str
    region: str


class SelectionAnswer(ApiModel):
    """The nodes in their order, and every node's verdict; *notes* say what did not work."""

    choices: tuple[Choice, ...]
    method: str
    policy: str = ""
    notes: tuple[str, ...] = ()
    explanation: tuple[ExplainedNode, ...]
    revision: Revision
    fallback_to_primary: bool = False
    shared: SharedAddress | None = None


class RehearsedFacts(ApiModel):
    """The assumptions about one client; what makes no sense is left out."""

    address: str
    utc_offset_minutes: float | None = None
    latencies_ms: dict[NodeId, float] = {}
    latency_ages_seconds: dict[NodeId, float] = {}
    last_node: NodeId | None = None


class RehearsedClient(ApiModel):
    """One client, or *clients* that look alike; *location* goes before what its address says."""

    facts: RehearsedFacts
    location: Location | None = None
    clients: int = Field(default=1, ge=1)


class RehearsalRequest(ApiModel):
    """A part of a population, and what is supposed; `sessions` comes from the part before.

    *instead* takes the place of what the site, its public site and its team say now.
    """

    model_config = ConfigDict(extra="forbid")

    clients: tuple[RehearsedClient, ...] = Field(min_length=1, max_length=MOST_AT_ONCE)
    instead: SelectionOverride | None = None
    failed: tuple[NodeId, ...] = ()
    public_site: str | None = None
    team: str | None = None
    sessions: dict[NodeId, int] = {}
    first: int = Field(default=0, ge=0, le=LARGEST_INTEGER)


class RehearsalResult(ApiModel):
    """A placement for each client, in order, and how many *sessions* each node has then."""

    placements: tuple[RehearsedPlacement, ...]
    sessions: dict[NodeId, int]
    revision: Revision


def select(question: SelectionQuestion) -> Call[SelectionAnswer]:
    """Show which traffic nodes these ends would get, and why."""
    return Call("POST", "/select", TypeAdapter(SelectionAnswer), question)


def rehearse(request: RehearsalRequest) -> Call[RehearsalResult]:
    """Place clients as they would be placed now; nothing is changed."""
    return Call("POST", "/selection/rehearse", TypeAdapter(RehearsalResult), request)
