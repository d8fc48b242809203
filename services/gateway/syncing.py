"""*Sync now*: followers catch up and prove their positions, all at once, each within its time."""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.gateway.core.proofs import Answered, Proof, judged
from services.gateway.routes.door import Door
from shared.crypto.nodekeys import verify
from shared.domain.errors import InvalidChange, MeridianError, NotFound
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.events.replication import SyncNow

SYNC_SECONDS: Final = 5.0
RESYNC_SECONDS: Final = 15.0
"""Longer: a whole snapshot may have to come first."""


async def sync_now(door: Door, nodes: Sequence[NodeId], *, resync: bool) -> tuple[Proof, ...]:
    """A row for each of *nodes*, or for every follower where none is named.

    Raises:
        NotFound: a node of that name is not configured.
        InvalidChange: it keeps no copy.
    """
    asked = followers(door, nodes)
    answers = await asyncio.gather(*(_asked(door, node, resync=resync) for node in asked))
    keys = {node: document.public_key for node, document in door.directory.nodes.items()}
    return judged(answers, keys, verify)


def followers(door: Door, nodes: Sequence[NodeId]) -> list[NodeId]:
    """Those of *nodes* that keep a copy; all who do where none is named."""
    known = door.directory.nodes
    for node in nodes:
        if node not in known:
            raise NotFound(
                f"there is no node {node!r}: see `meridian status`", kind="node", id=node
            )
        if known[node].role is NodeRole.WITNESS:
            raise InvalidChange(f"{node} is the witness: it keeps no copy", field="nodes")
    return sorted(nodes or (n for n, each in known.items() if each.role is not NodeRole.WITNESS))


async def _asked(door: Door, node: NodeId, *, resync: bool) -> Answered:
    seconds = RESYNC_SECONDS if resync else SYNC_SECONDS
    try:
        answer = await door.publisher.ask(
            SyncNow(node=node, resync=resync), timeout_seconds=seconds
        )
    except MeridianError as error:
        return Answered(node, error=error)
    return Answered(node, answer)
