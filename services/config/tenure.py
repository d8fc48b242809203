"""A primary's time in office: the entries of one epoch.

It begins by reading the log to its end and appending `epoch_began`, after which no older primary
can extend the log. Then proposals that wait together go into one entry, and control entries say
whether a backup is attached. It lasts no longer than the monitor's grant.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.answers import Answers
from services.config.core.batch import Answered, Batch, gathered
from services.config.core.durability import needs_a_backup
from services.config.replica import Replica
from services.config.waiting import Waiting
from shared.clusterlog.log import LogConflict
from shared.domain.errors import LogUnavailable, NotPrimary, OutcomeUnknown, StoreUnavailable
from shared.domain.ids import Epoch, RequestId, Revision
from shared.domain.log import CONTROL_KIND, Change, Op, ReplicationMode
from shared.events.config import ConfigChanged, ReplicationModeChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.runtime.grant import GrantHolder

LARGEST_BATCH: Final = 256
CLUSTER: Final = "meridian"


@dataclass
class Tenure:
    """The right to extend the log in *epoch*, and what is done with it."""

    epoch: Epoch
    replica: Replica
    answers: Answers
    grant: GrantHolder
    clock: Clock
    events: Emits
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    @property
    def is_valid(self) -> bool:
        """Whether the monitor still grants it."""
        return self.grant.valid_epoch(self.clock.now()) == self.epoch

    async def begin(self) -> None:
        """Fence every older primary out of the log, once this copy is at its end.

        A copy that stood ready for a switchover begins without a look: the log itself refuses the
        entry unless it follows the last one, and then this copy catches up like any other.

        Raises:
            NotPrimary: the log is ahead, or the grant ended.
            LogConflict, LogUnavailable, OutcomeUnknown, StoreUnavailable: as `Replica.extend`.
        """
        if self.replica.was_ready() and self.replica.marker.epoch < self.epoch:
            with contextlib.suppress(LogConflict, NotPrimary):
                await self._fence()
                return
        await self.replica.catch_up()
        await self._fence()

    async def _fence(self) -> None:
        before = self.replica.marker.epoch
        if before > self.epoch:
            raise NotPrimary(f"the log is at epoch {before}, ahead of {self.epoch}")
        if before < self.epoch:
            body = {
                "node": self.replica.node,
                "cause": self._cause(before),
                "previous_epoch": before,
                "mode": self._mode().value,
            }
            await self._control(Op.EPOCH_BEGAN, body)

    def _cause(self, before: Epoch) -> str:
        if self.grant.is_planned:
            return "switchover"
        return "takeover" if before else "founding"

    def _mode(self) -> ReplicationMode:
        """After a switchover the other master is well, and stays as attached as it was."""
        return self.replica.mode if self.grant.is_planned else ReplicationMode.DEGRADED

    async def write(self) -> None:
        """Put what waits into one entry, and owe the answers.

        Raises:
            NotPrimary, LogConflict: nothing was written; what waited waits on.
            LogUnavailable, OutcomeUnknown, StoreUnavailable: as `Replica.extend`; those whose
                outcome is therefore unknown have been told.
        """
        waiting = self.answers.waiters.open()[:LARGEST_BATCH]
        batch = gathered(
            self.replica.documents,
            tuple(each.proposal for each in waiting),
            await self._answered(waiting),
            Revision(self.replica.marker.revision + 1),
        )
        self._settle(batch)
        if not batch.changes:
            return
        written = self.answers.waiters.named(batch.accepted)
        if self._lacks_backup(batch.changes):
            refusal = StoreUnavailable("durability is strict and no backup is attached")
            self.answers.waiters.refuse(written, refusal)
            return
        await self._append(batch.changes, written)
        revision = self.replica.marker.revision
        outcome = {(change.kind, change.id): change.body for change in batch.changes}
        self.replica.took(self.replica.documents.with_(outcome, revision))
        self.answers.owe(written, revision)
        self._tell(written, revision)

    async def mind_backup(self) -> None:
        """Have the log say that the backup is detached, or attached again."""
        if self.answers.is_backup_silent():
            await self._change_mode(ReplicationMode.DEGRADED, "the backup is silent")
            self._log.warning("the backup is silent; it is detached")
        self.answers.settle()
        if self.replica.mode is ReplicationMode.DEGRADED and self.answers.has_backup():
            await self._change_mode(ReplicationMode.SYNCHRONOUS, "the backup has every entry")
            self._log.info("the backup is attached")

    async def _append(self, changes: Sequence[Change], written: list[Waiting]) -> None:
        for each in written:
            each.tries += 1
        try:
            await self._extend(tuple(changes))
        except (OutcomeUnknown, LogUnavailable) as error:
            self.answers.waiters.refuse(written, error)
            raise
        except StoreUnavailable as error:
            # The log may have the entry: caught up with it, what is in it is answered as written.
            self.answers.refuse_unknown([each for each in written if each.tries > 1], error.message)
            raise

    async def _change_mode(self, mode: ReplicationMode, cause: str) -> None:
        previous = self.replica.mode
        await self._control(Op.MODE_CHANGED, {"mode": mode.value})
        revision = self.replica.marker.revision
        self.events.emit(
            ReplicationModeChanged(
                mode=mode, previous=previous, cause=cause, revision=revision, epoch=self.epoch
            )
        )

    async def _control(self, op: Op, body: dict[str, Any]) -> None:
        request_id = RequestId(f"{op.value}-{self.epoch}-{self.replica.marker.revision + 1}")
        change = Change(CONTROL_KIND, CONTROL_KIND, op, body, CLUSTER, request_id, "")
        await self._extend((change,))

    async def _extend(self, changes: tuple[Change, ...]) -> None:
        now = self.clock.unix_ms()
        await self.replica.extend(changes, self.epoch, now, lambda: self.is_valid)

    async def _answered(self, waiting: list[Waiting]) -> dict[RequestId, Answered]:
        """Those of *waiting* that are in the log already.

        No lock is held: should the copy move on before the entry is written, it is refused.
        """
        requests = [each.proposal.request_id for each in waiting]
        found = await self.replica.state.answered(requests) if requests else {}
        return {
            request_id: Answered(each.digest, each.revision) for request_id, each in found.items()
        }

    def _settle(self, batch: Batch) -> None:
        """Answer what needs no entry: what breaks a rule, and what is in the log already."""
        waiters = self.answers.waiters
        for request_id, error in batch.refused.items():
            waiters.refuse(waiters.named([request_id]), error)
        for request_id, revision in batch.repeated.items():
            self.answers.owe(waiters.named([request_id]), revision)

    def _lacks_backup(self, changes: Sequence[Change]) -> bool:
        is_degraded = self.replica.mode is ReplicationMode.DEGRADED
        return is_degraded and needs_a_backup(self.answers.rules, changes)

    def _tell(self, written: list[Waiting], revision: Revision) -> None:
        """One event a proposal: an entry may hold those of several people."""
        for each in written:
            proposal = each.proposal
            gone = (change for change in proposal.changes if change.op == "delete")
            self.events.emit(
                ConfigChanged(
                    revision=revision,
                    epoch=self.epoch,
                    author=proposal.author,
                    changed=tuple(f"{change.kind}/{change.id}" for change in proposal.changes),
                    deleted=tuple(f"{change.kind}/{change.id}" for change in gone),
                    request_id=proposal.request_id,
                )
            )
