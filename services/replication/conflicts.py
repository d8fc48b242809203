"""What this master had alone: kept before a snapshot takes its place, and told to who asks.

For a backup it is told entry by entry, and what a backup brings back is kept as if it had been
found here.

The other masters are asked where the two histories part. When none answers, everything that this
copy keeps counts as its own alone.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Final

from services.replication.core.conflict import LeftBehind, common, left_behind
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.bundle import pack, unpack
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.errors import InvalidChange, NotFound, Unavailable, UnderWay
from shared.domain.ids import NodeId, Revision, UnixMillis
from shared.domain.log import LogEntry, Marker, Op, StoredEntry
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
"""Entries in which the place is looked for where two histories part."""

PART_BYTES: Final = 400_000
"""Of a conflict in one answer; a message of NATS holds a mebibyte."""

AT_ONCE: Final = 500
"""Entries that are read for one part of a backup."""

ID_DIGITS: Final = 12


@dataclass
class ConflictKeeper:
    """This master's conflicts."""

    node: NodeId
    trust: TrustStore
    conflicts: Conflicts
    peers: Asks
    clock: Clock
    events: Emits
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    async def keep_own(self, marker: Marker) -> None:
        """Keep what this copy, which stands at *marker*, has alone.

        Raises:
            StoreUnavailable: the database did not do it; nothing may take its place.
        """
        own = await self.conflicts.own_hashes(NEWEST)
        ancestor = common(own, await self._hashes_of_others(tuple(own)))
        if ancestor == marker.revision:
            return
        entries = [_entry(each) async for each in self.conflicts.own_after(ancestor)]
        count = len(left_behind(entries))
        if not count:
            return
        conflict = Conflict(
            id=marker.hash[:ID_DIGITS],
            at=self.clock.unix_ms(),
            log_generation=marker.log_generation,
            revision=marker.revision,
            ancestor=ancestor,
            count=count,
        )
        if await self.conflicts.keep(conflict):
            self._tell(conflict)

    async def list(self) -> ConflictsRead:
        found = await self.conflicts.all()
        return ConflictsRead(conflicts=tuple(self._line(each) for each in found))

    async def read(self, question: ReadConflict) -> ConflictRead:
        """One part of the changes.

        Raises:
            NotFound: this master keeps no such conflict.
        """
        conflict = await self._one(question.id)
        messages = await self.conflicts.messages(question.id)
        changes = left_behind(_entry(each) for each in messages)
        shown: list[ConflictChange] = []
        size = 0
        for each in changes[question.begin :]:
            size += len(json.dumps(each.change.body))
            if shown and size > PART_BYTES:
                break
            shown.append(_shown(each))
        end = question.begin + len(shown)
        following = end if end < len(changes) else None
        return ConflictRead(line=self._line(conflict), changes=tuple(shown), next=following)

    async def entries(self, question: ReadConflictEntries) -> ConflictEntries:
        """One part of the entries.

        Raises:
            NotFound: this master keeps no such conflict.
        """
        await self._one(question.id)
        messages = await self.conflicts.messages(question.id, question.begin, AT_ONCE + 1)
        bundle, count = pack(messages[:AT_ONCE])
        following = question.begin + count if count < len(messages) else None
        return ConflictEntries(bundle=bundle, next=following)

    async def bring_back(self, order: KeepConflict) -> None:
        """Keep a part of a conflict that comes from a backup; one that is there stays as it is.

        Raises:
            InvalidChange: it is not made of entries of a log.
        """
        try:
            entries = [_placed(message) for message in unpack(order.bundle)]
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
            self._tell(conflict)

    async def resolve(self, order: ResolveConflict) -> ConflictLine:
        """Write down what became of it.

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
        """What the histories of the other masters have at *revisions*, as far as they answer."""
        found: dict[Revision, str] = {}
        for node in sorted(set(self.trust.masters) - {self.node}):
            question = ReadPosition(node=node, revisions=revisions)
            try:
                told = await self.peers.ask(question, timeout_seconds=ASK_SECONDS)
            except Unavailable as error:
                self._log.warning("%s does not tell its history: %s", node, error.message)
                continue
            if self._is_proven(node, told):
                found |= told.hashes
        return found

    def _is_proven(self, node: NodeId, told: ReplicaPosition) -> bool:
        return told.node == node and self.trust.verify_hex(
            node, told.signature, told.position_bytes()
        )

    def _tell(self, conflict: Conflict) -> None:
        self._log.warning("what this master had alone is kept as conflict %s", conflict.id)
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


def _placed(message: bytes) -> ConflictEntry:
    entry = _entry(message)
    return ConflictEntry(entry.log_generation, entry.revision, message)


def _shown(each: LeftBehind) -> ConflictChange:
    change = each.change
    return ConflictChange(
        kind=change.kind,
        id=change.id,
        op="delete" if change.op is Op.DELETE else "put",
        body=change.body,
        author=change.author,
        revision=each.revision,
    )
