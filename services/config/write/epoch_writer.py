"""Writes the entries of one epoch: its first one, which fences older primaries, and the changes.

Proposals that wait together go into one entry, and control entries say whether a backup is
attached. Every entry is written under the monitor's grant of that epoch; an error ends the work,
and the `Writer` decides how it goes on.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.config.core.commit import Batch, build_batch, requires_attached_backup
from services.config.write.acknowledgements import (
    Acknowledgements,
    PendingProposal,
    PendingProposals,
)
from services.config.write.replica import Replica
from shared.clusterlog.log import LogConflict
from shared.domain.document import Ref
from shared.domain.errors import LogUnavailable, NotPrimary, OutcomeUnknown, StoreUnavailable
from shared.domain.ids import Epoch, RequestId, Revision
from shared.domain.log import CONTROL_KIND, Change, Op, ReplicationMode
from shared.events.config import ConfigChanged, ReplicationModeChanged
from shared.messaging.ports import Emits

LARGEST_BATCH: Final = 256
CLUSTER: Final = "meridian"

_LOG: Final = logging.getLogger("meridian.config")


@dataclass
class EpochWriter:
    """Writes the entries of one epoch, for no longer than the monitor's grant of it."""

    epoch: Epoch
    replica: Replica
    acknowledgements: Acknowledgements
    events: Emits

    @property
    def may_write(self) -> bool:
        """Say whether the monitor still grants this epoch."""
        return self.replica.permission.epoch == self.epoch

    @property
    def pending(self) -> PendingProposals:
        return self.acknowledgements.pending

    async def begin(self) -> None:
        """Fence every older primary out of the log, once this copy is at its end.

        A copy that was ready for a switchover begins without reading: the log itself refuses the
        entry unless it follows the last one, and then this copy catches up like any other.

        Raises:
            NotPrimary: the log is ahead, or the grant ended.
            LogConflict, LogUnavailable, OutcomeUnknown, StoreUnavailable: as `Replica.append`.
        """
        if self.replica.use_readiness() and self.replica.position.epoch < self.epoch:
            with contextlib.suppress(LogConflict, NotPrimary):
                await self._fence()
                return
        await self.replica.catch_up()
        await self._fence()

    async def write_batch(self) -> None:
        """Put the proposals that wait into one entry, and acknowledge them.

        Raises:
            NotPrimary, LogConflict: nothing was written; the proposals keep waiting.
            LogUnavailable, OutcomeUnknown, StoreUnavailable: as `Replica.append`; the proposals
                whose outcome is therefore unknown have been answered so.
        """
        waiting = self.pending.unwritten()[:LARGEST_BATCH]
        batch = build_batch(
            self.replica.documents,
            tuple(each.proposal for each in waiting),
            # No lock is held: should the copy move on before the entry is written, it is refused.
            await self.replica.state.find_requests([each.proposal.request_id for each in waiting]),
            Revision(self.replica.position.revision + 1),
        )
        self._answer_without_entry(batch)
        if not batch.changes:
            return
        writes = self.pending.with_ids(batch.accepted)
        if self._lacks_backup(batch.changes):
            refusal = StoreUnavailable("durability is strict and no backup is attached")
            self.pending.refuse(writes, refusal)
            return
        await self._append(batch.changes, writes)
        revision = self.replica.position.revision
        outcome = {Ref(change.kind, change.id): change.body for change in batch.changes}
        self.replica.change_documents(outcome)
        self.acknowledgements.acknowledge(writes, revision)
        self._emit_changes(writes, revision)

    async def update_mode(self) -> None:
        """Have the log say that the backup is detached, or attached again."""
        if self.acknowledgements.is_backup_late():
            await self._change_mode(ReplicationMode.DEGRADED, "the backup is silent")
            _LOG.warning("the backup is silent; it is detached")
        self.acknowledgements.settle_overdue()
        is_degraded = self.replica.mode is ReplicationMode.DEGRADED
        if is_degraded and self.acknowledgements.is_backup_complete():
            await self._change_mode(ReplicationMode.SYNCHRONOUS, "the backup has every entry")
            _LOG.info("the backup is attached")

    async def _fence(self) -> None:
        before = self.replica.position.epoch
        if before > self.epoch:
            raise NotPrimary(f"the log is at epoch {before}, ahead of {self.epoch}")
        if before == self.epoch:
            return
        is_planned = self.replica.permission.grant.is_planned
        unplanned = "takeover" if before else "founding"
        # After a switchover the other master is well, and stays as attached as it was.
        mode = self.replica.mode if is_planned else ReplicationMode.DEGRADED
        body = {
            "node": self.replica.node,
            "cause": "switchover" if is_planned else unplanned,
            "previous_epoch": before,
            "mode": mode.value,
        }
        await self._append_control(Op.EPOCH_BEGAN, body)

    async def _append(self, changes: Sequence[Change], writes: list[PendingProposal]) -> None:
        for each in writes:
            each.attempts += 1
        try:
            await self.replica.append(tuple(changes), self.epoch)
        except (OutcomeUnknown, LogUnavailable) as error:
            self.pending.refuse(writes, error)
            raise
        except StoreUnavailable as error:
            # The log may have the entry: after catching up, what is in it is answered as written.
            repeated = [each for each in writes if each.attempts > 1]
            self.pending.refuse_unknown(repeated, error.message)
            raise

    async def _change_mode(self, mode: ReplicationMode, cause: str) -> None:
        previous = self.replica.mode
        await self._append_control(Op.MODE_CHANGED, {"mode": mode.value})
        revision = self.replica.position.revision
        self.events.emit(
            ReplicationModeChanged(
                mode=mode, previous=previous, cause=cause, revision=revision, epoch=self.epoch
            )
        )

    async def _append_control(self, op: Op, body: dict[str, Any]) -> None:
        request_id = RequestId(f"{op.value}-{self.epoch}-{self.replica.position.revision + 1}")
        change = Change(CONTROL_KIND, CONTROL_KIND, op, body, CLUSTER, request_id, "")
        await self.replica.append((change,), self.epoch)

    def _answer_without_entry(self, batch: Batch) -> None:
        """Answer the proposals that break a rule, and those that are in the log already."""
        for request_id, error in batch.refused.items():
            self.pending.refuse(self.pending.with_ids([request_id]), error)
        for request_id, revision in batch.repeated.items():
            self.acknowledgements.acknowledge(self.pending.with_ids([request_id]), revision)

    def _lacks_backup(self, changes: Sequence[Change]) -> bool:
        is_degraded = self.replica.mode is ReplicationMode.DEGRADED
        return is_degraded and requires_attached_backup(self.acknowledgements.rules, changes)

    def _emit_changes(self, writes: list[PendingProposal], revision: Revision) -> None:
        """Emit one event a proposal: an entry may hold those of several people."""
        for each in writes:
            proposal = each.proposal
            deleted = (change for change in proposal.changes if change.op == "delete")
            self.events.emit(
                ConfigChanged(
                    revision=revision,
                    epoch=self.epoch,
                    author=proposal.author,
                    changed=tuple(f"{change.kind}/{change.id}" for change in proposal.changes),
                    deleted=tuple(f"{change.kind}/{change.id}" for change in deleted),
                    request_id=proposal.request_id,
                )
            )
