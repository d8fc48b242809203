"""The primary's pen: one entry at a time, in the order of the log.

It acts under its monitor's grant alone. Of a new epoch it first reads the log to its end, then
appends `epoch_began`, after which no older primary can extend the log; only then are changes
accepted. Proposals that wait together go into one entry; their answers wait for the backup
beside the next entry's work. After anything that went wrong it acts no more until it has caught
up with the log, and never says "failed" of what may be in it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.answers import Answers
from services.config.confirm import Backups
from services.config.core.batch import Answered, Batch, gathered
from services.config.core.durability import needs_a_backup
from services.config.ports import Emits
from services.config.replica import Replica
from services.config.waiting import Waiters, Waiting
from shared.clusterlog.log import LogConflict
from shared.domain.errors import (
    LogUnavailable,
    MeridianError,
    NotPrimary,
    OutcomeUnknown,
    StoreUnavailable,
    Unavailable,
)
from shared.domain.ids import Epoch, RequestId, Revision
from shared.domain.log import CONTROL_KIND, Change, Op, ReplicationMode
from shared.events.config import ChangesAccepted, ConfigChanged, ProposeChanges
from shared.messaging.middleware import Silent
from shared.runtime.clock import Clock
from shared.runtime.grant import GrantHolder

AGAIN_SECONDS: Final = 0.05
IDLE_SECONDS: Final = 0.25
LARGEST_BATCH: Final = 256
CLUSTER: Final = "meridian"


@dataclass
class Writer:
    """Writes entries while its master is primary."""

    replica: Replica
    backups: Backups
    grant: GrantHolder
    clock: Clock
    events: Emits
    epoch: Epoch | None = None
    answers: Answers = field(init=False)
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    def __post_init__(self) -> None:
        self.answers = Answers(self.replica, self.backups, self._is_granted, self._work.set)

    @property
    def waiters(self) -> Waiters:
        return self.answers.waiters

    @property
    def is_acting(self) -> bool:
        """Whether changes are accepted here now."""
        return self.epoch is not None and self.grant.valid(self.clock.now()) == self.epoch

    async def propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        """The answer to *proposal*; one that waits already is joined, not repeated.

        Raises:
            Rejected: it breaks a rule, or its request id was used for another change.
            Unavailable: it was not done, or its outcome is unknown; the code says which.
            Silent: this master is not the primary, or not any more.
        """
        if not self._is_granted():
            raise Silent
        answer = self.waiters.join(proposal)
        self._work.set()
        return await asyncio.shield(answer)

    def wake(self) -> None:
        """Something came, a grant or a backup's progress: there may be work."""
        self._work.set()

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._work.wait()
            self._work.clear()
            if not await self._did_turn():
                self._work.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _did_turn(self) -> bool:
        has_begun = self.epoch is not None
        try:
            await self._turn()
        except (LogConflict, NotPrimary, OutcomeUnknown) as error:
            self._step_back(error.message)
        except MeridianError as error:
            self._step_back(error.message)
            self._refuse_open(error, is_late=not has_begun)
        else:
            return True
        return False

    async def _turn(self) -> None:
        """Do what there is to do: begin an epoch, write what waits, mind the backup."""
        epoch = self.grant.valid(self.clock.now())
        if epoch is None:
            self._step_back("the right to act as primary ended")
            self.waiters.refuse(self.waiters.open(), Silent())
            self.answers.give_up()
            return
        if self.epoch != epoch:
            await self._begin(epoch)
        while self.waiters.open() and self.is_acting:
            await self._write(epoch)
        if self.is_acting:
            await self._mind_backup(epoch)

    async def _begin(self, epoch: Epoch) -> None:
        self.epoch = None
        await self.replica.catch_up()
        before = self.replica.marker.epoch
        if before > epoch:
            raise NotPrimary(f"the log is at epoch {before}, ahead of {epoch}")
        if before < epoch:
            body = {
                "node": self.replica.node,
                "cause": "takeover" if before else "founding",
                "previous_epoch": before,
                "mode": ReplicationMode.DEGRADED.value,
            }
            await self._control(epoch, Op.EPOCH_BEGAN, body)
        self.epoch = epoch
        self._log.info("accepting changes as primary of epoch %d", epoch)

    async def _write(self, epoch: Epoch) -> None:
        """Put what waits into one entry, and owe the answers."""
        waiting = self.waiters.open()[:LARGEST_BATCH]
        batch = gathered(
            self.replica.documents,
            tuple(each.proposal for each in waiting),
            await self._answered(waiting),
            Revision(self.replica.marker.revision + 1),
        )
        self._settle(batch)
        if not batch.changes:
            return
        written = self.waiters.named(batch.accepted)
        if self._lacks_backup(batch.changes):
            refusal = StoreUnavailable("durability is strict and no backup is attached")
            self.waiters.refuse(written, refusal)
            return
        await self._append(batch.changes, written, epoch)
        revision = self.replica.marker.revision
        outcome = {(change.kind, change.id): change.body for change in batch.changes}
        self.replica.took(self.replica.documents.with_(outcome, revision))
        self.answers.owe(written, revision)
        self._tell(written, revision)

    async def _append(
        self, changes: Sequence[Change], written: list[Waiting], epoch: Epoch
    ) -> None:
        for each in written:
            each.tries += 1
        try:
            await self.replica.extend(
                tuple(changes), epoch, self.clock.unix_ms(), lambda: self.is_acting
            )
        except (OutcomeUnknown, LogUnavailable) as error:
            self.waiters.refuse(written, error)
            raise
        except StoreUnavailable as error:
            # The log may have the entry: caught up with it, what is in it is answered as written.
            self._refuse_unknown([each for each in written if each.tries > 1], error)
            raise

    def _settle(self, batch: Batch) -> None:
        """Answer what needs no entry: what breaks a rule, and what is in the log already."""
        for request_id, error in batch.refused.items():
            self.waiters.refuse(self.waiters.named([request_id]), error)
        for request_id, revision in batch.repeated.items():
            self.answers.owe(self.waiters.named([request_id]), revision)

    def _lacks_backup(self, changes: Sequence[Change]) -> bool:
        is_degraded = self.replica.mode is ReplicationMode.DEGRADED
        return is_degraded and needs_a_backup(self.answers.rules, changes)

    async def _mind_backup(self, epoch: Epoch) -> None:
        """Have the log say that the backup is detached, or attached again."""
        if self.answers.is_backup_silent():
            await self._control(epoch, Op.MODE_CHANGED, {"mode": ReplicationMode.DEGRADED.value})
            self._log.warning("the backup is silent; it is detached")
        self.answers.settle()
        here = self.replica.marker.revision
        if self.replica.mode is ReplicationMode.DEGRADED and self.backups.at(here) is not None:
            body = {"mode": ReplicationMode.SYNCHRONOUS.value}
            await self._control(epoch, Op.MODE_CHANGED, body)
            self._log.info("the backup is attached")

    async def _control(self, epoch: Epoch, op: Op, body: dict[str, Any]) -> None:
        request_id = RequestId(f"{op.value}-{epoch}-{self.replica.marker.revision + 1}")
        change = Change(CONTROL_KIND, CONTROL_KIND, op, body, CLUSTER, request_id, "")

        def is_granted() -> bool:
            return self.grant.valid(self.clock.now()) == epoch

        await self.replica.extend((change,), epoch, self.clock.unix_ms(), is_granted)

    async def _answered(self, waiting: list[Waiting]) -> dict[RequestId, Answered]:
        """Those of *waiting* that are in the log already."""
        async with self.replica.state.transaction() as transaction:
            found = {
                each.proposal.request_id: await transaction.request(each.proposal.request_id)
                for each in waiting
            }
        return {
            request_id: Answered(each.digest, each.revision)
            for request_id, each in found.items()
            if each is not None
        }

    def _tell(self, written: list[Waiting], revision: Revision) -> None:
        """One event a proposal: an entry may hold those of several people."""
        for each in written:
            changed = tuple(f"{change.kind}/{change.id}" for change in each.proposal.changes)
            self.events.emit(
                ConfigChanged(
                    revision=revision,
                    epoch=self.replica.marker.epoch,
                    author=each.proposal.author,
                    changed=changed,
                )
            )

    def _is_granted(self) -> bool:
        return self.grant.valid(self.clock.now()) is not None

    def _step_back(self, why: str) -> None:
        """Act no more until the epoch is begun anew."""
        if self.epoch is not None:
            self._log.warning("not accepting changes: %s", why)
        self.epoch = None

    def _refuse_open(self, error: MeridianError, *, is_late: bool) -> None:
        """Tell those whose change is surely not in the log; *is_late* also the others."""
        untried = [each for each in self.waiters.open() if not each.tries]
        self.waiters.refuse(untried, error)
        if is_late and isinstance(error, Unavailable):
            self._refuse_unknown(self.waiters.open(), error)

    def _refuse_unknown(self, waiting: list[Waiting], error: MeridianError) -> None:
        if waiting:
            unknown = OutcomeUnknown(f"{error.message}; ask again with the same request id")
            self.waiters.refuse(waiting, unknown)
