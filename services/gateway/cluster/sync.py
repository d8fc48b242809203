"""Has followers catch up and prove their positions (*sync now*), all at once, each in its time."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from services.gateway.access.audit_log import AuditLog
from services.gateway.cluster.core.proofs import Proof, SyncAnswer, check_proofs, nodes_to_sync
from shared.crypto.nodekeys import verify
from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events.replication import SyncNow
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

SYNC_SECONDS: Final = 5.0
RESYNC_SECONDS: Final = 15.0
"""Longer: a whole snapshot may have to come first."""


@dataclass(frozen=True)
class FollowerSync:
    """Has followers catch up, or replace their copy (resync)."""

    publisher: Asks
    directory: Directory
    audit: AuditLog

    async def sync(
        self, nodes: Sequence[NodeId], author: str, *, resync: bool
    ) -> tuple[Proof, ...]:
        """Sync each of *nodes*, or every follower when there is none; return one row for each.

        Monitoring may sync every minute, so the audit log records only a resync.

        Raises:
            NotFound: a node of that name is not configured.
            InvalidChange: it keeps no copy.
        """
        record = self.audit.record("resync", author, nodes) if resync else nullcontext()
        with record:
            chosen = nodes_to_sync(self.directory.nodes, nodes)
            answers = await asyncio.gather(*(self._ask(node, resync=resync) for node in chosen))
            known = self.directory.nodes.items()
            keys = {node: document.public_key for node, document in known}
            return check_proofs(answers, keys, verify)

    async def _ask(self, node: NodeId, *, resync: bool) -> SyncAnswer:
        seconds = RESYNC_SECONDS if resync else SYNC_SECONDS
        order = SyncNow(node=node, resync=resync)
        try:
            answer = await self.publisher.ask(order, timeout_seconds=seconds)
        except MeridianError as error:
            return SyncAnswer(node, error=error)
        return SyncAnswer(node, answer)
