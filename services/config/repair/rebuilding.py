"""Begins the log's next generation from a master's database (`meridian log rebuild`).

The master does it whose database is of the latest generation, and of equals the longest.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.config.core.promotion import epoch_after, require_absent
from services.config.core.rebuilding import (
    Beginning,
    MasterPosition,
    latest,
    left_behind,
    require_lost,
    require_reports,
)
from services.config.repair.generation import GenerationStarter
from services.config.repair.positions import MasterPositions
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration, NodeId
from shared.domain.log import LogEntry
from shared.events.config import GenerationBegun, PromoteAlone, RebuildLog
from shared.events.replication import LogRebuilt
from shared.messaging.alone import ALONE
from shared.messaging.ports import Emits

REBUILD_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Participants:
    """The servers that hold a generation, and the masters that had no part in it.

    *unreachable* gave no report; what *left_behind* had alone is not in the log.
    """

    replicas: int
    unreachable: tuple[NodeId, ...]
    left_behind: tuple[NodeId, ...] = ()


@dataclass(frozen=True)
class Rebuilder:
    """Begins the next generation of the log; *replicas* is the number of the log's servers."""

    positions: MasterPositions
    starter: GenerationStarter
    events: Emits
    replicas: int

    async def rebuild(self, order: RebuildLog) -> GenerationBegun:
        """Begin the next generation, or have the master do it whose database is further.

        Raises:
            LogNotLost: the log is whole, may prove whole, or was rebuilt already.
            MasterSilent: a master does not answer, and the operator does not insist.
            AnotherHistory: the databases are not of one history.
            Unavailable: JetStream or the database did not do it; try again.
        """
        own = await self.positions.own_position()
        others, silent = await self.positions.ask_others()
        require_lost((own, *others))
        require_reports(silent, force=order.force)
        chosen = latest((own, *others))
        if chosen != own:
            forwarded = order.model_copy(update={"node": chosen.node})
            return await self.positions.peers.ask(forwarded, timeout_seconds=REBUILD_SECONDS)
        revisions = (each.position.revision for each in others)
        hashes = await self.starter.state.hashes(revisions)
        behind = left_behind(own, others, hashes, force=order.force)
        generation = await self._next_generation((own, *others))
        logging.getLogger("meridian.config").warning(
            "rebuilding the log as generation %d", generation
        )
        beginning = Beginning(generation, order.author, order.reason)
        return await self._begin(own, beginning, Participants(self.replicas, tuple(silent), behind))

    async def begin_alone(self, order: PromoteAlone) -> GenerationBegun:
        """Begin the next generation on a server alone, in an epoch far ahead; nobody is asked.

        Raises:
            QuorumThere: the log is there.
            LogNotLost: its next generation has begun already.
            Unavailable: JetStream or the database did not do it; try again.
        """
        own = await self.positions.own_position()
        require_absent(own.node, in_log=own.in_log)
        generation = await self._next_generation((own,))
        epoch = epoch_after(own.position.epoch)
        beginning = Beginning(generation, order.author, order.reason, epoch)
        return await self._begin(own, beginning, Participants(ALONE, self.positions.others))

    async def _next_generation(self, positions: Sequence[MasterPosition]) -> LogGeneration:
        last = max(each.position.log_generation for each in positions)
        return await self.starter.streams.next_generation(last)

    async def _begin(
        self, own: MasterPosition, beginning: Beginning, participants: Participants
    ) -> GenerationBegun:
        generation = beginning.generation
        stored = await self.starter.start(own, beginning, participants.replicas)
        if stored is None:
            await self._next_generation((own,))  # refuses if another operator was faster
            raise LogUnavailable(f"generation {generation} of the log did not begin; try again")
        entry = LogEntry.decode(stored.body)
        begun = GenerationBegun(
            node=own.node,
            log_generation=generation,
            revision=entry.revision,
            hash=stored.hash,
            unreachable=participants.unreachable,
            left_behind=participants.left_behind,
        )
        self.events.emit(
            LogRebuilt(
                **dict(begun),
                epoch=entry.epoch,
                author=beginning.author,
                reason=beginning.reason,
            )
        )
        return begun
