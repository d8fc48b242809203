"""Archives the changes that this master had alone, before a snapshot replaces its replica.

Operators read the conflicts, and backups read them entry by entry; a conflict that a backup
restores is archived as if it had been found here. The other masters are asked where the two
histories diverge. When none answers, every entry of this replica counts as its own alone.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Final

from services.replication.core.conflict import LastChange, common_revision, last_changes
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.bundle import pack, unpack
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.errors import InvalidChange, NotFound, Unavailable, UnderWay
from shared.domain.ids import NodeId, Revision, UnixMillis
from shared.domain.log import LogEntry, LogPosition, Op, StoredEntry
from shared.events.config import ReadPosition, ReplicaPosition
from shared.events.conflict import (
    ConflictEntries,
    ConflictKept,
    ConflictRead,
    ConflictsRead,
    KeepConflict,
    ReadConflict,
    ReadConflictEntries,
    ResolveConflict,
)
from shared.messaging.ports import Asks, Emits
from shared.persistence.conflicts import Conflict, ConflictEntry, Conflicts
from shared.runtime.clock import Clock

ASK_SECONDS: Final = 3.0
NEWEST: Final = 1_000
"""The entry where two histories diverge is looked for among so many."""

PART_BYTES: Final = 400_000
"""The changes in one reply; a NATS message holds one MiB."""

AT_ONCE: Final = 500
"""The entries that are read for one part of a backup."""

ID_DIGITS: Final = 12


@dataclass
class ConflictArchive:
    """The conflicts of this master."""

    node: NodeId
    trust: TrustStore
    conflicts: Conflicts
    peers: Asks
    clock: Clock
    events: Emits
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    async def keep_own(self, position: LogPosition) -> None:
        """Archive what this replica, which is at *position*, has alone.

        Raises:
            StoreUnavailable: the database did not do it; nothing may take its place.
        """
        own = await self.conflicts.own_hashes(NEWEST)
        ancestor = common_revision(own, await self._hashes_of_others(tuple(own)))
        if ancestor == position.revision:
            return
        entries = [_entry(each) async for each in self.conflicts.own_after(ancestor)]
        count = len(last_changes(entries))
        if not count:
            return
        conflict = Conflict(
            id=position.hash[:ID_DIGITS],
            at=self.clock.unix_ms(),
            log_generation=position.log_generation,
            revision=position.revision,
            ancestor=ancestor,
            count=count,
        )
        if await self.conflicts.keep(conflict):
            self._report(conflict)

    async def list(self) -> ConflictsRead:
        found = await self.conflicts.all()
        return ConflictsRead(conflicts=tuple(self._line(each) for each in found))

    async def read(self, question: ReadConflict) -> ConflictRead:
        """Read one part of the changes.

        Raises:
            NotFound: this master keeps no such conflict.
        """
        conflict = await self._one(question.id)
        messages = await self.conflicts.messages(question.id)
        changes = last_changes(_entry(each) for each in messages)
        shown: list[ConflictChange] = []
        size = 0
        for each in changes[question.begin :]:
            size += len(json.dumps(each.change.body))
            if shown and size > PART_BYTES:
                break
            shown.append(_change_message(each))
        end = question.begin + len(shown)
        following = end if end < len(changes) else None
        return ConflictRead(line=self._line(conflict), changes=tuple(shown), next=following)

    async def entries(self, question: ReadConflictEntries) -> ConflictEntries:
        """Read one part of the entries.

        Raises:
            NotFound: this master keeps no such conflict.
        """
        await self._one(question.id)
        messages = await self.conflicts.messages(question.id, question.begin, AT_ONCE + 1)
        bundle, count = pack(messages[:AT_ONCE])
        following = question.begin + count if count < len(messages) else None
        return ConflictEntries(bundle=bundle, next=following)

    async def bring_back(self, order: KeepConflict) -> None:
        """Archive a part of a conflict from a backup; a conflict that is there stays as it is.

        Raises:
            InvalidChange: it is not made of entries of a log.
        """
        try:
            entries = [_as_conflict_entry(message) for message in unpack(order.bundle)]
        except Undecodable as error:
            raise InvalidChange(f"conflict {order.id} cannot be kept: {error}") from error
        conflict = Conflict(
            id=order.id,
            at=UnixMillis(order.at_unix_ms),
            log_generation=order.log_generation,
            revision=order.revision,
            ancestor=order.ancestor,
            count=order.count,
        )
        if await self.conflicts.bring_back(conflict, entries):
            self._report(conflict)

    async def resolve(self, order: ResolveConflict) -> ConflictLine:
        """Record how an operator resolved the conflict.

        Raises:
            NotFound: this master keeps no such conflict.
            UnderWay: somebody resolved it before.
        """
        await self._one(order.id)
        now = self.clock.unix_ms()
        done = await self.conflicts.resolve(order.id, order.resolution, order.author, now)
        conflict = await self._one(order.id)
        if not done:
            raise UnderWay(
                f"conflict {order.id} was {conflict.resolution} by {conflict.resolved_by} before"
            )
        return self._line(conflict)

    async def _one(self, id_: str) -> Conflict:
        conflict = await self.conflicts.one(id_)
        if conflict is None:
            raise NotFound(f"{self.node} keeps no conflict {id_!r}; see `meridian conflicts list`")
        return conflict

    async def _hashes_of_others(self, revisions: tuple[Revision, ...]) -> dict[Revision, str]:
        """Ask the other masters for the hashes in their histories at *revisions*."""
        found: dict[Revision, str] = {}
        for node in sorted(set(self.trust.masters) - {self.node}):
            question = ReadPosition(node=node, revisions=revisions)
            try:
                position = await self.peers.ask(question, timeout_seconds=ASK_SECONDS)
            except Unavailable as error:
                self._log.warning("%s did not report its history: %s", node, error.message)
                continue
            if self._is_proven(node, position):
                found |= position.hashes
        return found

    def _is_proven(self, node: NodeId, position: ReplicaPosition) -> bool:
        return position.node == node and self.trust.verify_hex(
            node, position.signature, position.position_bytes()
        )

    def _report(self, conflict: Conflict) -> None:
        self._log.warning(
            "the changes that this master had alone are archived as conflict %s", conflict.id
        )
        self.events.emit(
            ConflictKept(
                node=self.node,
                conflict=conflict.id,
                ancestor=conflict.ancestor,
                revision=conflict.revision,
                count=conflict.count,
            )
        )

    def _line(self, conflict: Conflict) -> ConflictLine:
        return ConflictLine(
            id=conflict.id,
            node=self.node,
            at_unix_ms=conflict.at,
            log_generation=conflict.log_generation,
            revision=conflict.revision,
            ancestor=conflict.ancestor,
            count=conflict.count,
            resolution=conflict.resolution or "",
            resolved_by=conflict.resolved_by or "",
        )


def _entry(message: bytes) -> LogEntry:
    return LogEntry.decode(StoredEntry.decode(message).body)


def _as_conflict_entry(message: bytes) -> ConflictEntry:
    entry = _entry(message)
    return ConflictEntry(entry.log_generation, entry.revision, message)


def _change_message(each: LastChange) -> ConflictChange:
    change = each.change
    return ConflictChange(
        kind=change.kind,
        id=change.id,
        op="delete" if change.op is Op.DELETE else "put",
        body=change.body,
        author=change.author,
        revision=each.revision,
    )
