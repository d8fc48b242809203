"""Changes who is primary on purpose, and asks the masters what they would do without one."""

import asyncio
from dataclasses import dataclass
from typing import Final

from services.gateway.access.audit_log import AuditLog
from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.core.takeover import Takeover, forecast_takeover
from shared.domain.errors import MeridianError, NotFound
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.events.config import GenerationBegun, PromoteAlone
from shared.events.failover import MasterStatus, ReadMasterStatus, RoleSwitched, SwitchOver
from shared.messaging.ports import Asks

SWITCH_SECONDS: Final = 8.0
PROMOTE_SECONDS: Final = 12.0
STATUS_SECONDS: Final = 1.5


@dataclass(frozen=True)
class FailoverService:
    """Switchover, forced promotion, and the check of a takeover."""

    publisher: Asks
    cluster: Cluster
    audit: AuditLog

    async def switch_over(self, to: NodeId | None, author: str) -> RoleSwitched:
        """Have the primary hand its role to *to*, or to the other master.

        Raises:
            NoPrimary: no master says that it is primary.
            MeridianError: it cannot be done now; the primary is who it was.
        """
        with self.audit.record("switchover", author, () if to is None else (to,)):
            primary = self.cluster.require_primary()
            order = SwitchOver(node=primary.node, epoch=primary.epoch, to=to, author=author)
            return await self.publisher.ask(order, timeout_seconds=SWITCH_SECONDS)

    async def promote(
        self, node: NodeId, author: str, *, force: bool, reason: str
    ) -> GenerationBegun:
        """Have the master *node* go on alone without a quorum.

        Raises:
            NotFound: it is no master of the site.
            MeridianError: it refused.
        """
        order = PromoteAlone(node=node, author=author, force=force, reason=reason)
        with self.audit.record("forced promotion", author, (node,)):
            self._require_master(node)
            return await self.publisher.ask(order, timeout_seconds=PROMOTE_SECONDS)

    async def check(self) -> tuple[Takeover, dict[NodeId, MasterStatus | None]]:
        """Ask every master what it would do if the primary failed now; None for a silent one."""
        masters = self.cluster.masters()
        answers = await asyncio.gather(*(self._status(node) for node in masters))
        answered = [each for each in answers if each is not None]
        return forecast_takeover(answered), dict(zip(masters, answers, strict=True))

    async def _status(self, node: NodeId) -> MasterStatus | None:
        question = ReadMasterStatus(node=node)
        try:
            return await self.publisher.ask(question, timeout_seconds=STATUS_SECONDS)
        except MeridianError:
            return None

    def _require_master(self, node: NodeId) -> None:
        """Let a master pass; any name passes before the directory was read."""
        known = self.cluster.directory.nodes
        document = known.get(node)
        if known and (document is None or document.role is not NodeRole.MASTER):
            raise NotFound(f"{node} is no master of this site; see `meridian failover check`")
