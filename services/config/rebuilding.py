"""`meridian log rebuild`: the next generation of the log, begun from a master's database.

The master does it whose database is of the latest generation, and of equals the longest. Its first
entry is written as every entry is: applied in a transaction, appended by compare-and-set,
committed. So of two that rebuild at once one is told that the other has done it, and one whose
answer was lost finds the generation begun.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.config.core.promotion import epoch_after, require_absent
from services.config.core.rebuilding import (
    Beginning,
    Position,
    first_entry,
    latest,
    left_behind,
    require_asked,
    require_lost,
)
from shared.clusterlog.generations import BegunGeneration, find_next_generation, read_hash
from shared.clusterlog.log import ClusterLog, LogConflict
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import BadSignature, LogNotLost, LogUnavailable, Unavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import LogEntry, Marker, StoredEntry, entry_hash, signed_bytes
from shared.events.config import (
    GenerationBegun,
    PromoteAlone,
    ReadPosition,
    RebuildLog,
    ReplicaPosition,
)
from shared.events.replication import FollowerState, LogRebuilt
from shared.messaging.alone import ALONE
from shared.messaging.ports import Asks, Emits
from shared.persistence.master_state import MasterState, Row
from shared.runtime.clock import Clock

ASK_SECONDS: Final = 3.0
REBUILD_SECONDS: Final = 30.0
NEXT: Final = LogSequence(1)
LOST: Final = frozenset({FollowerState.LOG_LOST, FollowerState.DIVERGED})


@dataclass(frozen=True, slots=True)
class Founding:
    """How a generation begins: on how many servers, without asking whom, past whose changes.

    *epoch* is the one that begins with it; without it the one of the database goes on.
    """

    replicas: int
    unasked: tuple[NodeId, ...]
    left_behind: tuple[NodeId, ...] = ()
    epoch: Epoch | None = None


@dataclass
class Rebuilder:
    """This master's part in it: saying where its database stands, and beginning a generation.

    *make_lease* makes the lease's bucket, of so many replicas, where it is missing, for the
    generation that begins; *follower* is what this master's follower last said of itself.
    """

    node: NodeId
    key: NodeKey
    trust: TrustStore
    state: MasterState
    log: ClusterLog
    peers: Asks
    clock: Clock
    events: Emits
    replicas: int
    make_lease: Callable[[int, LogGeneration], Awaitable[None]]
    follower: Callable[[], FollowerState | None]
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    async def position(self, revisions: Iterable[Revision] = ()) -> ReplicaPosition:
        """Where this master's database stands, and what it has at *revisions*, signed.

        Raises:
            StoreUnavailable: the database does not answer, or belongs to no site.
        """
        async with self.state.view() as view:
            marker, digest = view.marker, digest_of(await view.rows())
        told = ReplicaPosition(
            node=self.node,
            log_generation=marker.log_generation,
            revision=marker.revision,
            sequence=marker.sequence,
            epoch=marker.epoch,
            hash=marker.hash,
            digest=digest,
            follower=self.follower() or "",
            hashes=await self.state.hashes(revisions),
        )
        proof = self.key.sign(told.position_bytes())
        return told.model_copy(update={"signature": proof.hex()})

    async def rebuild(self, order: RebuildLog) -> GenerationBegun:
        """Begin the next generation, or have the master do it whose database is further.

        Raises:
            LogNotLost: the log is whole, may prove whole, or was rebuilt already.
            MasterSilent: a master does not answer, and the operator does not insist.
            AnotherHistory: the databases are not of one history.
            Unavailable: JetStream or the database did not do it; try again.
        """
        own = await self._placed(await self.position())
        others, silent = await self._ask_others()
        require_lost((own, *others))
        require_asked(silent, force=order.force)
        chosen = latest((own, *others))
        if chosen != own:
            return await self._hand_on(order, chosen.node)
        hashes = await self.state.hashes(each.marker.revision for each in others)
        behind = left_behind(own, others, hashes, force=order.force)
        generation = await self._next_generation((own, *others))
        self._log.warning("rebuilding the log as generation %d", generation)
        founding = Founding(self.replicas, tuple(silent), behind)
        return await self._begin(generation, own, order, founding)

    async def begin_alone(self, order: PromoteAlone) -> GenerationBegun:
        """Begin the next generation on a server alone, in an epoch far ahead; nobody is asked.

        Raises:
            QuorumThere: the log is there.
            LogNotLost: its next generation has begun already.
            Unavailable: JetStream or the database did not do it; try again.
        """
        own = await self._placed(await self.position())
        require_absent(self.node, in_log=own.in_log)
        generation = await self._next_generation((own,))
        unasked = tuple(sorted(set(self.trust.masters) - {self.node}))
        ahead = epoch_after(own.marker.epoch)
        return await self._begin(generation, own, order, Founding(ALONE, unasked, epoch=ahead))

    async def _ask_others(self) -> tuple[list[Position], list[NodeId]]:
        """Where the other masters stand, and who does not answer.

        Raises:
            LogUnavailable: the log's servers do not say whether they hold what a master has.
        """
        found: list[Position] = []
        silent: list[NodeId] = []
        for node in sorted(set(self.trust.masters) - {self.node}):
            try:
                told = await self.peers.ask(ReadPosition(node=node), timeout_seconds=ASK_SECONDS)
                self._require_signed(told)
            except (Unavailable, BadSignature) as error:
                self._log.warning("%s does not say where its database stands: %s", node, error)
                silent.append(node)
            else:
                found.append(await self._placed(told))
        return found, silent

    def _require_signed(self, told: ReplicaPosition) -> None:
        """Refuse what *told*'s master did not sign.

        Raises:
            BadSignature: it did not.
        """
        if not self.trust.verify_hex(told.node, told.signature, told.position_bytes()):
            raise BadSignature(f"{told.node} did not sign its position")

    async def _placed(self, told: ReplicaPosition) -> Position:
        """What *told* says, with a look whether the log holds that entry.

        Raises:
            LogUnavailable: the log's servers do not answer.
        """
        marker = Marker(*(told.log_generation, told.revision, told.sequence, told.epoch), told.hash)
        there = await read_hash(self.log.of(marker.log_generation), marker)
        return Position(
            told.node,
            marker,
            told.digest,
            in_log=marker.revision > 0 and there == marker.hash,
            calls_lost=told.follower in LOST,
        )

    async def _hand_on(self, order: RebuildLog, node: NodeId) -> GenerationBegun:
        asked = order.model_copy(update={"node": node})
        return await self.peers.ask(asked, timeout_seconds=REBUILD_SECONDS)

    async def _next_generation(self, positions: Sequence[Position]) -> LogGeneration:
        """The first after those of *positions* whose stream holds nothing.

        Raises:
            LogNotLost: one of them has begun.
        """
        last = self.log.of(max(each.marker.log_generation for each in positions))
        found = await find_next_generation(last, self.trust)
        if isinstance(found, BegunGeneration):
            raise LogNotLost(
                f"the log was rebuilt already, as generation {found.generation}; nothing was done"
            )
        return found

    async def _begin(
        self,
        generation: LogGeneration,
        own: Position,
        order: RebuildLog | PromoteAlone,
        founding: Founding,
    ) -> GenerationBegun:
        log = self.log.of(generation)
        with contextlib.suppress(LogConflict):  # whose stream it is, the first append decides
            await log.create(founding.replicas)
        await self.make_lease(founding.replicas, generation)
        beginning = Beginning(generation, order.author, order.reason, founding.epoch)
        entry = first_entry(own, beginning, self.clock.unix_ms())
        stored = self._signed(entry)
        if not await self._is_first(log, own, stored):
            await self._next_generation((own,))  # refuses if another operator was faster
            raise LogUnavailable(f"generation {generation} of the log did not begin; try again")
        told = {"node": self.node, "log_generation": generation}
        place = {"revision": entry.revision, "hash": stored.hash}
        without = {"unasked": founding.unasked, "left_behind": founding.left_behind}
        self.events.emit(
            LogRebuilt.model_validate(
                {
                    **told,
                    **place,
                    **without,
                    "epoch": entry.epoch,
                    "author": order.author,
                    "reason": order.reason,
                }
            )
        )
        return GenerationBegun.model_validate({**told, **place, **without})

    async def _is_first(self, log: ClusterLog, own: Position, stored: StoredEntry) -> bool:
        """Write *stored* as every entry is written; False when somebody else came before it."""
        try:
            async with self.state.transaction() as transaction:
                if transaction.marker != own.marker:
                    return False
                await transaction.apply(stored, NEXT)
                await log.append(stored, LogSequence(0))
        except LogConflict:
            return False
        return True

    def _signed(self, entry: LogEntry) -> StoredEntry:
        encoded = entry.encode()
        digest = entry_hash(encoded)
        return StoredEntry(encoded, digest, self.node, self.key.sign(signed_bytes(digest)))


def digest_of(rows: Iterable[Row]) -> str:
    """SHA-256 of *rows*, which come in order, 64 hex digits."""
    digest = hashlib.sha256()
    for row in rows:
        told = [row.kind, row.id, row.revision, row.body]
        digest.update(json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
