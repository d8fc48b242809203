"""The primary's pen: one entry at a time, in the order of the log.

It acts under its monitor's grant alone. Of a new epoch it first reads the log to its end, then
appends `epoch_began`, after which no older primary can extend the log; only then are changes
accepted. Proposals that wait together go into one entry; their answers wait for the backup
beside the next entry's work.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.confirm import Backups
from services.config.core.batch import Answered, Batch, gathered
from services.config.core.durability import needs_a_backup, rules_of
from services.config.replica import Replica
from services.config.waiting import Waiters, Waiting
from shared.clusterlog.log import LogConflict
from shared.documents.site import Durability, Replication
from shared.domain.errors import (
    MeridianError,
    NotPrimary,
    OutcomeUnknown,
    StoreUnavailable,
)
from shared.domain.ids import Epoch, NodeId, RequestId, Revision
from shared.domain.log import CONTROL_KIND, Change, Op, ReplicationMode
from shared.events.config import ChangesAccepted, ConfigChanged, ProposeChanges
from shared.messaging.events import EventPublisher
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
    events: EventPublisher
    epoch: Epoch | None = None
    waiters: Waiters = field(default_factory=Waiters)
    _work: asyncio.Event = field(default_factory=asyncio.Event)
    _unconfirmed: list[tuple[list[Waiting], Revision]] = field(
        default_factory=list[tuple[list[Waiting], Revision]]
    )
    _answering: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.config"))

    @property
    def is_acting(self) -> bool:
        """Whether changes are accepted here now."""
        return self.epoch is not None and self.grant.valid(self.clock.now()) == self.epoch

    async def propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        """The answer to *proposal*; one that waits already is joined, not repeated.

        Raises:
            Rejected: it breaks a rule, or its request id was used for another change.
            Unavailable: it was not done, or its outcome is unknown; the code says which.
        """
        answer = self.waiters.join(proposal)
        self._work.set()
        return await asyncio.shield(answer)

    def granted(self) -> None:
        """A grant came: there may be an epoch to begin."""
        self._work.set()

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._work.wait()
            self._work.clear()
            try:
                await self._turn()
            except LogConflict:
                self._step_back("the log was extended by somebody else")
            except MeridianError as error:
                self._step_back(error.message)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _turn(self) -> None:
        """Do what there is to do: begin an epoch, write what waits, attach a backup again."""
        epoch = self.grant.valid(self.clock.now())
        if epoch is None:
            self._step_back("the right to act as primary ended")
            return
        if self.epoch != epoch:
            await self._begin(epoch)
        while self.waiters.open() and self.is_acting:
            await self._write(epoch)
        if self.is_acting:
            await self._attend_to_backup(epoch)

    async def _begin(self, epoch: Epoch) -> None:
        await self.replica.catch_up()
        if self.replica.marker.epoch > epoch:
            raise NotPrimary(f"the log is at epoch {self.replica.marker.epoch}, ahead of {epoch}")
        if self.replica.marker.epoch < epoch:
            body = {
                "node": self.replica.node,
                "mode": ReplicationMode.DEGRADED.value,
                "previous_epoch": self.replica.marker.epoch,
            }
            await self._control(epoch, Op.EPOCH_BEGAN, body)
        self.epoch = epoch
        self._log.info("accepting changes as primary of epoch %d", epoch)

    async def _write(self, epoch: Epoch) -> None:
        waiting = self.waiters.open()[:LARGEST_BATCH]
        batch = gathered(
            self.replica.documents,
            tuple(each.proposal for each in waiting),
            await self._answered(waiting),
            Revision(self.replica.marker.revision + 1),
        )
        self._refuse_without_backup(batch)
        self._settle(batch)
        if not batch.changes:
            return
        written = self.waiters.named(batch.accepted)
        try:
            await self.replica.extend(
                tuple(batch.changes), epoch, self.clock.unix_ms(), lambda: self.is_acting
            )
        except OutcomeUnknown as error:
            self.waiters.refuse(written, error)
            raise
        self._committed(batch, written)

    def _committed(self, batch: Batch, written: list[Waiting]) -> None:
        revision = self.replica.marker.revision
        outcome = {(change.kind, change.id): change.body for change in batch.changes}
        self.replica.took(self.replica.documents.with_(outcome, revision))
        for each in written:
            each.is_written = True
        task = asyncio.create_task(self._acknowledge(written, revision))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        self.events.emit(
            ConfigChanged(
                revision=revision,
                epoch=self.replica.marker.epoch,
                author=written[0].proposal.author,
                changed=tuple(f"{kind}/{id_}" for kind, id_ in outcome),
            )
        )

    async def _acknowledge(self, waiting: list[Waiting], revision: Revision) -> None:
        """Answer when the backup has *revision*, or the log says that there is none."""
        if self.replica.mode is ReplicationMode.DEGRADED:
            self._accept(waiting, revision, ())
            return
        rules = self._rules()
        backup = await self.backups.has(revision, rules.sync_timeout_seconds)
        if backup is not None:
            self._accept(waiting, revision, (backup,))
        elif rules.durability is Durability.STRICT:
            self.waiters.refuse(waiting, OutcomeUnknown(f"no backup has revision {revision} yet"))
        else:
            self._unconfirmed.append((waiting, revision))
            self._work.set()

    async def _attend_to_backup(self, epoch: Epoch) -> None:
        """Have the log say that the backup is detached, or attached again."""
        if self._unconfirmed and self.replica.mode is ReplicationMode.SYNCHRONOUS:
            await self._control(epoch, Op.MODE_CHANGED, {"mode": ReplicationMode.DEGRADED.value})
            self._log.warning("the backup is silent; it is detached")
        while self._unconfirmed:
            self._accept(*self._unconfirmed.pop(), ())
        here = self.replica.marker.revision
        if self.replica.mode is ReplicationMode.DEGRADED and self.backups.at(here) is not None:
            body = {"mode": ReplicationMode.SYNCHRONOUS.value}
            await self._control(epoch, Op.MODE_CHANGED, body)
            self._log.info("the backup is attached")

    async def _control(self, epoch: Epoch, op: Op, body: dict[str, Any]) -> None:
        request_id = RequestId(f"{op.value}-{epoch}-{self.replica.marker.revision + 1}")
        change = Change(CONTROL_KIND, CONTROL_KIND, op, body, CLUSTER, request_id, "")
        granted = lambda: self.grant.valid(self.clock.now()) == epoch  # noqa: E731
        await self.replica.extend((change,), epoch, self.clock.unix_ms(), granted)

    async def _answered(self, waiting: list[Waiting]) -> dict[RequestId, Answered]:
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

    def _settle(self, batch: Batch) -> None:
        """Answer what needs no entry."""
        for request_id, error in batch.refused.items():
            self.waiters.refuse(self.waiters.named([request_id]), error)
        for request_id, revision in batch.repeated.items():
            self._accept(self.waiters.named([request_id]), revision, ())

    def _refuse_without_backup(self, batch: Batch) -> None:
        is_degraded = self.replica.mode is ReplicationMode.DEGRADED
        if needs_a_backup(self._rules(), batch.changes) and is_degraded:
            error = StoreUnavailable("durability is strict and no backup is attached")
            self.waiters.refuse(self.waiters.named(batch.accepted), error)
            batch.changes.clear()

    def _accept(
        self, waiting: list[Waiting], revision: Revision, others: tuple[NodeId, ...]
    ) -> None:
        durable_on = (self.replica.node, *others)
        answer = ChangesAccepted(revision=revision, durable_on=durable_on, mode=self.replica.mode)
        self.waiters.accept(waiting, answer)

    def _step_back(self, why: str) -> None:
        """Act no more until the epoch is begun anew; without a grant nobody is answered here."""
        if self.epoch is not None:
            self._log.warning("not accepting changes: %s", why)
        self.epoch = None
        if self.grant.valid(self.clock.now()) is None:
            self.waiters.refuse(self.waiters.open(), Silent())

    def _rules(self) -> Replication:
        return rules_of(self.replica.documents)
