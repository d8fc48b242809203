"""Lets this master go on alone, on its own NATS server (`meridian failover promote`).

It begins the next generation of the log there, from its own database and in an epoch far ahead;
the failover monitor then finds a lease without a holder, and acquires it as always.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from services.config.core.promotion import Facts, require_promotable
from shared.domain.ids import NodeId
from shared.domain.log import LogPosition
from shared.events.config import GenerationBegun, PromoteAlone


class Server(Protocol):
    """The NATS server that this process is connected to."""

    async def can_write_lease(self) -> bool: ...
    async def is_alone(self) -> bool: ...


class Rebuilds(Protocol):
    """Begins the next generation of the log."""

    async def begin_alone(self, order: PromoteAlone) -> GenerationBegun: ...


class ReplicaReader(Protocol):
    """This master's database."""

    async def position(self) -> LogPosition | None: ...


@dataclass
class Promoter:
    """Promotes this master, one order at a time; *is_acting* says whether it is primary already."""

    node: NodeId
    rebuilder: Rebuilds
    server: Server
    state: ReplicaReader
    is_acting: Callable[[], bool]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    async def promote(self, order: PromoteAlone) -> GenerationBegun:
        """Begin the log's next generation on this master's own server.

        Raises:
            Rejected: as `require_promotable`; nothing was done.
            LogNotLost: the next generation has begun already.
            Unavailable: the server or the database did not do it; try again.
        """
        is_under_way = self._turn.locked()
        if is_under_way:
            require_promotable(await self._facts(order, is_under_way=is_under_way))
        async with self._turn:
            require_promotable(await self._facts(order, is_under_way=False))
            self._log.warning("promoted by force by %s: %s", order.author, order.reason)
            return await self.rebuilder.begin_alone(order)

    async def _facts(self, order: PromoteAlone, *, is_under_way: bool) -> Facts:
        position = await self.state.position()
        return Facts(
            node=self.node,
            is_forced=order.force,
            reason=order.reason,
            is_under_way=is_under_way,
            is_primary=self.is_acting(),
            has_history=position is not None and position.revision > 0,
            can_write_lease=await self.server.can_write_lease(),
            is_alone=await self.server.is_alone(),
        )
