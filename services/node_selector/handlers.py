"""Subscribes to heartbeats, and to the requests that one replica of the queue group answers."""

from typing import Final

from faststream.nats import NatsRouter

from services.node_selector.placement.rehearsals import Rehearsals
from services.node_selector.placement.selector import Selector
from shared.events.node import NodeHeartbeat
from shared.events.rehearsal import RehearseSelection
from shared.events.selection import ExplainSelection, SelectNodes
from shared.messaging.subscription import subscription

QUEUE: Final = "node_selector"


def router(selector: Selector, rehearsals: Rehearsals) -> NatsRouter:
    """Send every heartbeat to every replica, and each request to one of them."""

    async def on_heartbeat(event: NodeHeartbeat) -> None:
        selector.record_heartbeat(event)

    return NatsRouter(
        handlers=(
            subscription(NodeHeartbeat, on_heartbeat),
            subscription(SelectNodes, selector.select, queue=QUEUE),
            subscription(ExplainSelection, selector.explain, queue=QUEUE),
            subscription(RehearseSelection, rehearsals.rehearse, queue=QUEUE),
        )
    )
