"""Which traffic nodes a client, or two ends together, would get, and why: asked by an operator."""

from fastapi import APIRouter

from services.gateway.core.access import Action
from services.gateway.core.pins import require_traffic_node
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import ClientAddress, Door, TheCaller, TheDoor
from services.gateway.routes.facts import client_facts
from shared.api.selection import ExplainedNode, ImaginedEndpoint, SelectionAnswer, SelectionQuestion
from shared.documents import Kind
from shared.domain.ids import NodeId
from shared.domain.node import Side
from shared.domain.placement import NodeVerdict
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

EXPLAIN_SECONDS = 2.0


@router.post("/select")
async def select(
    body: SelectionQuestion, door: TheDoor, caller: TheCaller, address: ClientAddress
) -> SelectionAnswer:
    """Which traffic nodes these ends would get, and why.

    Raises:
        NotFound: there is no such public site, team or node.
    """
    caller.require(Action.READ)
    for kind, named in ((Kind.PUBLIC_SITE, body.public_site), (Kind.TEAM, body.team)):
        if named is not None:
            await door.configuration.document(kind, named)
    question = ExplainSelection(
        client=_facts(body.client, Side.CUSTOMER, address),
        other=None if body.other is None else _facts(body.other, Side.REPRESENTATIVE, ""),
        count=body.count,
        methods=body.methods,
        public_site=body.public_site,
        team=body.team,
        pin=None
        if body.pin is None
        else require_traffic_node(door.directory.nodes, NodeId(body.pin)),
    )
    answer = await door.publisher.ask(question, timeout_seconds=EXPLAIN_SECONDS)
    return _shown(door, answer)


def _facts(end: ImaginedEndpoint, side: Side, own_address: str) -> ClientFacts:
    return client_facts(end, own_address if end.address is None else end.address, side)


def _shown(door: Door, answer: NodesSelected) -> SelectionAnswer:
    return SelectionAnswer(
        choices=answer.choices,
        method=answer.method,
        policy=answer.policy,
        notes=answer.notes,
        explanation=tuple(_shown_verdict(door, each) for each in answer.explanation),
        revision=answer.revision,
        fallback_to_primary=answer.fallback_to_primary,
        shared=answer.shared,
    )


def _shown_verdict(door: Door, told: NodeVerdict) -> ExplainedNode:
    document = door.directory.nodes.get(told.node)
    region = "" if document is None else document.region
    return ExplainedNode(node=told.node, rank=told.rank, reason=told.reason, region=region)
