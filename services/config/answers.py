"""Releasing answers: who may be told that a change is done, and when.

A change that is committed is acknowledged when the backup has it, or when the log says that the
backup is detached and the site does not insist on one. That holds for the answer to a repeated
request as well. No answer leaves without a valid grant: a master that lost its role says that the
outcome is unknown, and the next primary answers with the recorded result.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.config.confirm import Backups
from services.config.core.durability import goes_without, rules_of
from services.config.replica import Replica
from services.config.waiting import Waiters, Waiting
from shared.documents.site import Replication
from shared.documents.state import Documents
from shared.domain.errors import OutcomeUnknown
from shared.domain.ids import NodeId, Revision
from shared.domain.log import ReplicationMode
from shared.events.config import ChangesAccepted
from shared.runtime.containment import Containment


@dataclass
class Unconfirmed:
    """Committed changes that the backup did not confirm in time."""

    waiting: list[Waiting]
    revision: Revision


@dataclass
class Answers:
    """The answers that are owed; *may* says whether the grant is valid, *wake* calls the writer."""

    replica: Replica
    backups: Backups
    may: Callable[[], bool]
    wake: Callable[[], None]
    containment: Containment
    waiters: Waiters = field(default_factory=Waiters)
    _ruled: tuple[Documents, Replication] | None = None
    _unconfirmed: list[Unconfirmed] = field(default_factory=list[Unconfirmed])

    @property
    def rules(self) -> Replication:
        """The site's rules of replication, as the last entry left them."""
        documents = self.replica.documents
        if self._ruled is None or self._ruled[0] is not documents:
            self._ruled = documents, rules_of(documents)
        return self._ruled[1]

    def owe(self, waiting: list[Waiting], revision: Revision) -> None:
        """Answer *waiting*, whose changes are committed at *revision*, as soon as that is right."""
        for each in waiting:
            each.is_written = True
        self.containment.start(
            "answer",
            f"at revision {revision}",
            self._release(waiting, revision),
            lambda cause: self.refuse_unknown(waiting, cause),
        )

    def is_backup_silent(self) -> bool:
        """Whether a change waits in vain for a backup that the log still calls attached."""
        return self.replica.mode is ReplicationMode.SYNCHRONOUS and any(
            self.backups.at(each.revision) is None for each in self._unconfirmed
        )

    def settle(self) -> None:
        """Answer what the backup did not confirm in time, now that the log says what it is."""
        due, self._unconfirmed = self._unconfirmed, []
        for each in due:
            backup = self.backups.at(each.revision)
            if backup is not None or goes_without(self.rules, self.replica.mode):
                self._accept(each.waiting, each.revision, backup)
            else:
                self.refuse_unknown(each.waiting, f"no backup has revision {each.revision} yet")

    def give_up(self) -> None:
        """The role is gone: whatever is committed here, another one will answer for it."""
        for each in self._unconfirmed:
            self.refuse_unknown(
                each.waiting, "this master's role ended before the backup confirmed"
            )
        self._unconfirmed.clear()

    def has_backup(self) -> bool:
        """Whether a backup has proved that its copy is as far as this one."""
        return self.backups.at(self.replica.position.revision) is not None

    def refuse_unknown(self, waiting: list[Waiting], why: str) -> None:
        """Tell *waiting* that their changes may be in the log, and how to know."""
        self.waiters.refuse(waiting, OutcomeUnknown(f"{why}; ask again with the same request id"))

    async def _release(self, waiting: list[Waiting], revision: Revision) -> None:
        rules = self.rules
        if goes_without(rules, self.replica.mode):
            self._accept(waiting, revision, None)
            return
        backup = await self.backups.has(revision, rules.sync_timeout_seconds)
        if backup is not None:
            self._accept(waiting, revision, backup)
            return
        self._unconfirmed.append(Unconfirmed(waiting, revision))
        self.wake()

    def _accept(self, waiting: list[Waiting], revision: Revision, backup: NodeId | None) -> None:
        if not self.may():
            self.refuse_unknown(waiting, "the right to answer as primary ended")
            return
        durable_on = (self.replica.node,) if backup is None else (self.replica.node, backup)
        answer = ChangesAccepted(revision=revision, durable_on=durable_on, mode=self.replica.mode)
        self.waiters.accept(waiting, answer)
