"""Writes the cluster log while this master is primary: one entry at a time, in the log's order.

It writes under its monitor's grant alone. An epoch begins by reading the log to its end and
appending `epoch_began`, after which no older primary can extend the log. Then proposals that wait
together go into one entry, and control entries say whether a backup is attached. Answers wait for
the backup beside the next entry's work. After a failure the writer stops until it has caught up
with the log, and it never answers "failed" for a change that may be in the log.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.core.commit import Batch, build_batch, requires_attached_backup
from services.config.core.failed_turns import FailedTurns
from services.config.write.acknowledgements import (
    Acknowledgements,
    PendingProposal,
    PendingProposals,
)
from services.config.write.replica import Replica, WritePermission
from shared.clusterlog.log import LogConflict
from shared.domain.document import Ref
from shared.domain.errors import (
    LogUnavailable,
    MeridianError,
    NotPrimary,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from shared.domain.ids import Epoch, Instant, RequestId, Revision
from shared.domain.log import CONTROL_KIND, Change, Op, ReplicationMode
from shared.events.config import (
    ChangesAccepted,
    ProposeChanges,
    ReplicationModeChanged,
    WritesPaused,
)
from shared.events.failover import MasterGranted
from shared.events.replication import FollowerProgressed
from shared.messaging.middleware import Silent
from shared.messaging.ports import Emits
from shared.runtime.waiting import wait_at_most

LARGEST_BATCH: Final = 256
CLUSTER: Final = "meridian"
PAUSE_SECONDS: Final = 0.9
"""How long an order to pause waits for the turn that is under way; its sender waits for 1 s."""
IDLE_SECONDS: Final = 0.25
EXPECTING_SECONDS: Final = 2.0
"""How long a master that saw another one stop is ready to begin; a switchover takes less."""

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
            self.events.emit(each.as_event(revision, self.epoch))


@dataclass
class Writer:
    """Takes proposals, and writes them while its master is primary."""

    replica: Replica
    acknowledgements: Acknowledgements
    events: Emits
    current: EpochWriter | None = None
    _expects_until: Instant = Instant(0.0)
    _reads_ahead: bool = False
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failed: FailedTurns = field(default_factory=FailedTurns)

    @property
    def permission(self) -> WritePermission:
        return self.replica.permission

    @property
    def pending(self) -> PendingProposals:
        return self.acknowledgements.pending

    @property
    def is_acting(self) -> bool:
        """Say whether changes are accepted here now."""
        return self.current is not None and self.current.may_write

    @property
    def accepted_epoch(self) -> Epoch | None:
        """Return the epoch in which changes are accepted, or would be if the log had a leader."""
        return self.permission.epoch if self.is_acting or self._failed.is_of_log else None

    async def propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        """Return the answer to *proposal*; a repeat of one that is pending shares its answer.

        Raises:
            Rejected: it breaks a rule, or its request id was used for another change.
            Unavailable: it was not done, or its outcome is unknown; the code says which.
            Silent: this master is not the primary, or not any more.
        """
        if self.permission.epoch is None and not self.permission.is_paused:
            raise Silent
        answer = self.pending.add(proposal)
        self._work.set()
        return await asyncio.shield(answer)

    async def accept_grant(self, grant: MasterGranted) -> None:
        """Keep this master's grant; prepare while another one pauses: this may be the next."""
        if not self.permission.grant.offer(grant):
            if grant.paused and self.permission.grant.is_for_another_master(grant):
                self._expect_role()
            return
        self._work.set()

    async def pause_writes(self, grant: MasterGranted) -> WritesPaused:
        """Write nothing from now on; return where that leaves this copy, and the log.

        After the answer this process sends the log nothing until its next grant: no append is under
        way, and each looks at the grant before it is sent. If it had not begun, an append without
        an answer may arrive late; the log's order settles that. Pending proposals keep waiting.

        Raises:
            NotPrimary: this master goes on under another grant, or of another epoch.
            Silent: an append or a database that hangs holds the turn for `PAUSE_SECONDS`.
        """
        is_last = self.permission.grant.offer(grant)
        try:
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise Silent from None
        try:
            if not is_last or self.permission.epoch is not None:
                raise NotPrimary(f"config of {self.replica.node} goes on, or in another epoch")
            position, mode = self.replica.position, self.replica.mode
            begun = self.current is not None and self.current.epoch == grant.epoch
            return WritesPaused(
                revision=position.revision, hash=position.hash, mode=mode, has_begun=begun
            )
        finally:
            self._turn.release()

    def record_progress(self, event: FollowerProgressed) -> None:
        """Keep a follower's position; it may confirm changes, or give this master work."""
        self.acknowledgements.record_progress(event)
        if self.is_acting:
            self._work.set()
        elif event.node == self.replica.node:
            self.replica.commits.record_applied(event.revision)
            self._read_what_follower_has(event.revision)

    def wake(self) -> None:
        """Look for work now."""
        self._work.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await wait_at_most(self._work, self._idle_seconds())
            self._work.clear()
            error = await self._take_turn()
            if error is not None:
                self._work.set()
                await asyncio.sleep(self._failed.pause_seconds(error))

    def _idle_seconds(self) -> float:
        deadline = self.acknowledgements.next_deadline()
        if deadline is None:
            return IDLE_SECONDS
        return min(IDLE_SECONDS, deadline - self.permission.clock.now())

    async def _take_turn(self) -> MeridianError | None:
        """Do what there is to do; the error when it failed, and must be tried again."""
        had_begun = self.current is not None
        try:
            async with self._turn:
                await self._work_once()
        except MeridianError as error:
            if isinstance(error, NotPrimary) and self.permission.is_paused:
                return None  # nothing was written; the role may go on
            self._record_failure(error)
            if not isinstance(error, NotPrimary | LogConflict | OutcomeUnknown):
                self._refuse_unwritten(error, had_begun=had_begun)
            return error
        if self.is_acting and self._failed.record_success(self.replica.position.revision):
            _LOG.info("accepting changes again in epoch %d", self.permission.epoch or 0)
        return None

    async def _work_once(self) -> None:
        """Begin an epoch, write what waits, and update the mode of replication."""
        epoch = self.permission.epoch
        if epoch is None:
            if not self.permission.is_paused:
                await self._wait_for_role()
            return
        current = await self._writer_of(epoch)
        while self.pending.unwritten() and current.may_write:
            await current.write_batch()
        if current.may_write:
            await current.update_mode()

    async def _wait_for_role(self) -> None:
        """Stop answering; read ahead when the role may come back."""
        self._stop_writing("the right to act as primary ended")
        self.pending.refuse(self.pending.unwritten(), Silent())
        self.acknowledgements.give_up_overdue()
        if not self._reads_ahead:
            return
        self._reads_ahead = False
        try:
            await self.replica.prepare_for_role()
        except Unavailable as error:  # no worse than a master that did not read ahead
            _LOG.debug("not ready for the role: %s", error.message)

    async def _writer_of(self, epoch: Epoch) -> EpochWriter:
        """Return the writer of *epoch*, begun; there is none while it begins."""
        if self.current is None or self.current.epoch != epoch:
            self.current = None
            beginning = EpochWriter(epoch, self.replica, self.acknowledgements, self.events)
            await beginning.begin()
            self.current, self._expects_until = beginning, Instant(0.0)
            if self._failed.are_over:
                _LOG.info("accepting changes as primary of epoch %d", epoch)
        return self.current

    def _expect_role(self) -> None:
        now = self.permission.clock.now()
        if now >= self._expects_until:
            self._reads_ahead = True
            self._work.set()
        self._expects_until = Instant(now + EXPECTING_SECONDS)

    def _read_what_follower_has(self, revision: Revision) -> None:
        """Read at once what this master's follower applied, while the role is expected."""
        is_expected = self.permission.clock.now() < self._expects_until
        if is_expected and revision > self.replica.position.revision:
            self._reads_ahead = True
            self._work.set()

    def _stop_writing(self, why: str) -> None:
        """Write no more until an epoch is begun anew."""
        if self.current is not None:
            _LOG.warning("not accepting changes: %s", why)
        self.current = None
        self._failed.restart()

    def _record_failure(self, error: MeridianError) -> None:
        """Write no more until the epoch is begun anew; an outage is one line for each cause."""
        if self._failed.record_failure(error, self.replica.position.revision):
            _LOG.warning("not accepting changes: %s", error.message)
        self.current = None
        if isinstance(error, StoreUnavailable):
            self.replica.record_failed_append(error)

    def _refuse_unwritten(self, error: MeridianError, *, had_begun: bool) -> None:
        """Answer the proposals that were in no entry; also the others where no epoch had begun."""
        unwritten = self.pending.unwritten()
        self.pending.refuse([each for each in unwritten if not each.attempts], error)
        if not had_begun and isinstance(error, Unavailable):
            self.pending.refuse_unknown(self.pending.unwritten(), error.message)
