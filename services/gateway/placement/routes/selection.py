"""HTTP of explanations: which traffic nodes one end, or two together, would get, and why."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import client_facts
from services.gateway.placement.selector import SelectorClient
from shared.api.selection import ExplainedNode, ImaginedEndpoint, SelectionAnswer, SelectionQuestion
from shared.domain.ids import NodeId
from shared.domain.node import Side
from shared.domain.placement import NodeVerdict
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

TheSelector = Annotated[SelectorClient, Depends(provided(SelectorClient))]


@router.post("/select")
async def select(
    body: SelectionQuestion, selector: TheSelector, caller: TheCaller, address: ClientAddress
) -> SelectionAnswer:
    """Return which traffic nodes these ends would get, and why.

    Raises:
        NotFound: there is no such public site, team or node.
    """
    caller.require(Action.READ)
    question = ExplainSelection(
        client=_facts(body.client, Side.CUSTOMER, address),
        other=None if body.other is None else _facts(body.other, Side.REPRESENTATIVE, ""),
        count=body.count,
        methods=body.methods,
        public_site=body.public_site,
        team=body.team,
        pin=None if body.pin is None else NodeId(body.pin),
    )
    return _shown(selector, await selector.explain(question))


def _facts(end: ImaginedEndpoint, side: Side, own_address: str) -> ClientFacts:
    return client_facts(end, own_address if end.address is None else end.address, side)


def _shown(selector: SelectorClient, answer: NodesSelected) -> SelectionAnswer:
    return SelectionAnswer(
        choices=answer.choices,
        method=answer.method,
        policy=answer.policy,
        notes=answer.notes,
        explanation=tuple(_shown_verdict(selector, each) for each in answer.explanation),
        revision=answer.revision,
        fallback_to_primary=answer.fallback_to_primary,
        shared=answer.shared,
    )


def _shown_verdict(selector: SelectorClient, verdict: NodeVerdict) -> ExplainedNode:
    return ExplainedNode(
        node=verdict.node,
        rank=verdict.rank,
        reason=verdict.reason,
        region=selector.region_of(verdict.node),
    )
