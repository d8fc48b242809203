"""Which traffic nodes a client, or two ends together, would get, and why: asked by an operator."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.gateway.access.callers import TheCaller
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import EndpointFacts
from services.gateway.placement.selector import Selector
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, Revision
from shared.domain.node import Side
from shared.domain.placement import Choice, NodeVerdict, SharedAddress
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

TheSelector = Annotated[Selector, Depends(provided(Selector))]
Name = Annotated[str, Field(max_length=200)]


class EndAsked(EndpointFacts):
    """One end as an operator imagines it; a customer has the caller's own address by default."""

    address: str | None = Field(default=None, max_length=64)

    def facts_of(self, side: Side, own_address: str) -> ClientFacts:
        """The facts of the end at *side*."""
        return self.as_facts(own_address if self.address is None else self.address, side)


class SelectionQuestion(BaseModel):
    """Which node for these ends, at this public site, for this team, by these methods."""

    client: EndAsked = EndAsked()
    other: EndAsked | None = None
    count: int = Field(default=3, ge=1, le=100)
    methods: tuple[SelectionMethod, ...] = ()
    public_site: Name | None = None
    team: Name | None = None
    pin: str | None = Field(default=None, max_length=63)


class ShownVerdict(BaseModel):
    """A node's place or refusal, and where it is."""

    node: NodeId
    rank: int | None
    reason: str
    region: str


class ShownSelection(BaseModel):
    """The selector's answer, with every node's region."""

    choices: tuple[Choice, ...]
    method: str
    policy: str
    notes: tuple[str, ...]
    explanation: tuple[ShownVerdict, ...]
    revision: Revision
    fallback_to_primary: bool
    shared: SharedAddress | None


@router.post("/select")
async def select(
    body: SelectionQuestion, selector: TheSelector, caller: TheCaller, address: ClientAddress
) -> ShownSelection:
    """Which traffic nodes these ends would get, and why.

    Raises:
        NotFound: there is no such public site, team or node.
    """
    caller.require(Action.READ)
    question = ExplainSelection(
        client=body.client.facts_of(Side.CUSTOMER, address),
        other=None if body.other is None else body.other.facts_of(Side.REPRESENTATIVE, ""),
        count=body.count,
        methods=body.methods,
        public_site=body.public_site,
        team=body.team,
        pin=None if body.pin is None else NodeId(body.pin),
    )
    return _shown(selector, await selector.explain(question))


def _shown(selector: Selector, answer: NodesSelected) -> ShownSelection:
    return ShownSelection(
        choices=answer.choices,
        method=answer.method,
        policy=answer.policy,
        notes=answer.notes,
        explanation=tuple(_shown_verdict(selector, each) for each in answer.explanation),
        revision=answer.revision,
        fallback_to_primary=answer.fallback_to_primary,
        shared=answer.shared,
    )


def _shown_verdict(selector: Selector, verdict: NodeVerdict) -> ShownVerdict:
    return ShownVerdict(
        node=verdict.node,
        rank=verdict.rank,
        reason=verdict.reason,
        region=selector.region_of(verdict.node),
    )
