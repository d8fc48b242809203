"""Decides which proposals wait for an answer, and when each may have it.

A committed change is acknowledged when a backup master has it, or when the log says that the
backup is detached and the site does not insist on one. The same holds for a repeated request.
Nothing is acknowledged without a valid grant: a master that lost its role answers that the outcome
is unknown, and the next primary answers with the recorded result.

A backup's position counts when that master's own key signed it and it is on our history. A backup
that confirms nothing for the site's `sync_timeout_seconds` is detached: the writer puts that into
the log before any answer relies on it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.config.core.commit import digest_of, may_acknowledge_alone, replication_rules
from services.config.write.replica import Replica
from shared.crypto.nodekeys import TrustStore
from shared.documents.site import Replication
from shared.documents.state import Documents
from shared.domain.errors import OutcomeUnknown, RequestReused
from shared.domain.ids import Epoch, Instant, NodeId, RequestId, Revision
from shared.domain.log import ReplicationMode
from shared.events.config import ChangesAccepted, ConfigChanged, ProposeChanges
from shared.events.replication import FollowerProgressed, FollowerState

Answer = asyncio.Future[ChangesAccepted]


@dataclass(eq=False)
class PendingProposal:
    """A proposal that is not answered yet.

    *attempts* counts the entries that it was put into, whatever became of them; *is_written* says
    that one of them is committed.
    """

    proposal: ProposeChanges
    digest: str
    answer: Answer
    attempts: int = 0
    is_written: bool = False

    def as_event(self, revision: Revision, epoch: Epoch) -> ConfigChanged:
        """Return what is published once this proposal is in the log at *revision*."""
        proposal = self.proposal
        return ConfigChanged(
            revision=revision,
            epoch=epoch,
            author=proposal.author,
            changed=tuple(f"{each.kind}/{each.id}" for each in proposal.changes),
            deleted=tuple(
                f"{each.kind}/{each.id}" for each in proposal.changes if each.op == "delete"
            ),
            request_id=proposal.request_id,
        )


class PendingProposals:
    """Every proposal that is not answered yet, by its request id, in the order of arrival."""

    def __init__(self) -> None:
        self._by_id: dict[RequestId, PendingProposal] = {}

    def add(self, proposal: ProposeChanges) -> Answer:
        """Return the answer to *proposal*; a repeat of one that is pending shares its answer.

        Raises:
            RequestReused: the request id is pending with another content.
        """
        digest = digest_of(proposal)
        pending = self._by_id.get(proposal.request_id)
        if pending is None:
            answer: Answer = asyncio.get_running_loop().create_future()
            pending = self._by_id[proposal.request_id] = PendingProposal(proposal, digest, answer)
        elif pending.digest != digest:
            raise RequestReused(f"request id {proposal.request_id} waits with another change")
        return pending.answer

    def unwritten(self) -> list[PendingProposal]:
        """Return those that are in no committed entry yet."""
        return [each for each in self._by_id.values() if not each.is_written]

    def with_ids(self, request_ids: Iterable[RequestId]) -> list[PendingProposal]:
        return [self._by_id[request_id] for request_id in request_ids]

    def accept(self, writes: Iterable[PendingProposal], answer: ChangesAccepted) -> None:
        for each in writes:
            self._by_id.pop(each.proposal.request_id, None)
            if not each.answer.done():
                each.answer.set_result(answer)

    def refuse(self, writes: Iterable[PendingProposal], error: Exception) -> None:
        for each in writes:
            self._by_id.pop(each.proposal.request_id, None)
            if not each.answer.done():
                each.answer.set_exception(error)
                each.answer.exception()  # retrieved here, because the caller may have gone

    def refuse_unknown(self, writes: Iterable[PendingProposal], why: str) -> None:
        """Answer that the changes may be in the log, and how to find out."""
        self.refuse(writes, OutcomeUnknown(f"{why}; ask again with the same request id"))


@dataclass
class BackupPositions:
    """The proven positions of the other masters, and the state of this master's own follower."""

    trust: TrustStore
    replica: Replica
    follower: FollowerState | None = None
    _positions: dict[NodeId, FollowerProgressed] = field(
        default_factory=dict[NodeId, FollowerProgressed]
    )

    def record(self, event: FollowerProgressed) -> None:
        """Keep a master's position, if that master signed it."""
        if event.node not in self.trust.masters or not self._is_signed(event):
            return
        if event.node == self.replica.node:
            self.follower = event.state
        else:
            self._positions[event.node] = event

    def backup_with(self, revision: Revision) -> NodeId | None:
        """Return a backup that is at *revision* or beyond, on our history."""
        for node, event in self._positions.items():
            if event.revision >= revision and self.replica.has_entry(event.revision, event.hash):
                return node
        return None

    def _is_signed(self, event: FollowerProgressed) -> bool:
        return self.trust.verify_hex(event.node, event.signature, event.progress_bytes())


@dataclass
class Unacknowledged:
    """Writes that are committed at *revision*; a backup has until *deadline* to confirm them."""

    writes: list[PendingProposal]
    revision: Revision
    deadline: Instant


@dataclass
class Acknowledgements:
    """The answers that are owed for committed changes."""

    replica: Replica
    backups: BackupPositions
    pending: PendingProposals = field(default_factory=PendingProposals)
    _rules: tuple[Documents, Replication] | None = None
    _waiting: list[Unacknowledged] = field(default_factory=list[Unacknowledged])

    @property
    def rules(self) -> Replication:
        """Return the site's rules of replication, as the last entry left them."""
        documents = self.replica.documents
        if self._rules is None or self._rules[0] is not documents:
            self._rules = documents, replication_rules(documents)
        return self._rules[1]

    def acknowledge(self, writes: list[PendingProposal], revision: Revision) -> None:
        """Answer *writes*, which are committed at *revision*, now or when a backup has them."""
        for each in writes:
            each.is_written = True
        if may_acknowledge_alone(self.rules, self.replica.mode):
            self._accept(writes, revision, None)
        elif (backup := self.backups.backup_with(revision)) is not None:
            self._accept(writes, revision, backup)
        else:
            deadline = Instant(
                self.replica.permission.clock.now() + self.rules.sync_timeout_seconds
            )
            self._waiting.append(Unacknowledged(writes, revision, deadline))

    def record_progress(self, event: FollowerProgressed) -> None:
        """Keep a master's position, and answer what it confirms."""
        self.backups.record(event)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            backup = self.backups.backup_with(each.revision)
            if backup is None:
                self._waiting.append(each)
            else:
                self._accept(each.writes, each.revision, backup)

    def next_deadline(self) -> Instant | None:
        """Return when the next backup will be too late; those already late do not count."""
        now = self.replica.permission.clock.now()
        coming = [each.deadline for each in self._waiting if each.deadline > now]
        return min(coming, default=None)

    def is_backup_late(self) -> bool:
        """Say whether a change waited in vain for a backup that the log still calls attached."""
        now = self.replica.permission.clock.now()
        return self.replica.mode is ReplicationMode.SYNCHRONOUS and any(
            self.backups.backup_with(each.revision) is None for each in self._overdue(now)
        )

    def settle_overdue(self) -> None:
        """Answer what no backup confirmed in time, once the log says whether one is attached."""
        for each in self._take_overdue():
            backup = self.backups.backup_with(each.revision)
            if backup is not None or may_acknowledge_alone(self.rules, self.replica.mode):
                self._accept(each.writes, each.revision, backup)
            else:
                why = f"no backup has revision {each.revision} yet"
                self.pending.refuse_unknown(each.writes, why)

    def give_up_overdue(self) -> None:
        """Answer that the outcome is unknown of what no backup confirmed in time.

        The role is gone; the next primary answers for what is in the log.
        """
        for each in self._take_overdue():
            why = "this master's role ended before the backup confirmed"
            self.pending.refuse_unknown(each.writes, why)

    def is_backup_complete(self) -> bool:
        """Say whether a backup has proved that its copy is as far as this one."""
        return self.backups.backup_with(self.replica.position.revision) is not None

    def _overdue(self, now: Instant) -> list[Unacknowledged]:
        return [each for each in self._waiting if each.deadline <= now]

    def _take_overdue(self) -> list[Unacknowledged]:
        now = self.replica.permission.clock.now()
        overdue = self._overdue(now)
        self._waiting = [each for each in self._waiting if each.deadline > now]
        return overdue

    def _accept(
        self, writes: list[PendingProposal], revision: Revision, backup: NodeId | None
    ) -> None:
        if self.replica.permission.epoch is None:
            self.pending.refuse_unknown(writes, "the right to answer as primary ended")
            return
        node, mode = self.replica.node, self.replica.mode
        durable_on = (node,) if backup is None else (node, backup)
        answer = ChangesAccepted(revision=revision, durable_on=durable_on, mode=mode)
        self.pending.accept(writes, answer)
