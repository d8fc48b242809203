"""This master's copy of the state, and the log that it is a copy of.

It brings the copy to the log's end and extends both together: prepare in a transaction, append,
commit. PostgreSQL is never ahead of the log, and an entry that the log has and PostgreSQL refused
is applied from the log before anything else is decided.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.config.ports import Log, Open, State
from shared.clusterlog.generations import find_last_begun, read_hash
from shared.clusterlog.log import verify
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.documents.state import Documents, Stored
from shared.domain.errors import LogUnavailable, NotPrimary
from shared.domain.ids import Epoch, NodeId, Revision, Sequence, UnixMillis
from shared.domain.log import (
    ENTRY_LIMIT_BYTES,
    Change,
    Entrance,
    LogEntry,
    Marker,
    ReplicationMode,
    StoredEntry,
    empty_marker,
    entrance,
    entry_hash,
    follows,
    signed_bytes,
)
from shared.domain.node import NodeRole

HASHES_KEPT: Final = 1_000


@dataclass
class Replica:
    """The state as this process last saw it; *end* is the last sequence read, applied or not."""

    node: NodeId
    key: NodeKey
    trust: TrustStore
    state: State
    log: Log
    marker: Marker
    mode: ReplicationMode = ReplicationMode.SYNCHRONOUS
    documents: Documents = field(default_factory=lambda: Documents({}))
    end: Sequence = Sequence(0)
    hashes: dict[Revision, str] = field(default_factory=dict[Revision, str])
    _has_read: bool = False
    _is_ready: bool = False

    @staticmethod
    def of(node: NodeId, key: NodeKey, trust: TrustStore, state: State, log: Log) -> "Replica":
        return Replica(node, key, trust, state, log, empty_marker(trust.log_generation))

    async def catch_up(self) -> None:
        """Apply whatever the log has more, and read the documents if they are others than before.

        An entry that is not validly signed, or does not follow, is skipped, as by every follower.

        Raises:
            LogUnavailable: the log does not answer, or it is not the one that this copy is of.
            StoreUnavailable: the database failed.
        """
        async with self.state.transaction() as transaction:
            before = transaction.marker
            if not self._has_read or before != self.marker:
                self._learn(await self._read(transaction))
            self.log, self.end = await self._place(before)
            async for raw in self.log.read_from(Sequence(self.end + 1)):
                stored = self._valid(raw.data, transaction.marker)
                if stored is not None:
                    await transaction.apply(stored, raw.sequence)
                    self._learn_from(LogEntry.decode(stored.body))
                    self._remember(transaction.marker)
                self.end = raw.sequence
            if transaction.marker != before:  # a whole reading, and a new primary waits for it
                await self._read(transaction)

    async def stand_ready(self) -> None:
        """Catch up ahead of a role that may be handed over: its first entry then follows at once.

        Raises:
            LogUnavailable, StoreUnavailable: as `catch_up`; this copy is not ready.
        """
        self._is_ready = False
        await self.catch_up()
        self._is_ready = True

    def was_ready(self) -> bool:
        """Whether this copy stood ready until now; who relies on that once proves it or catches up.

        What is relied on is a guess alone: an entry is appended behind the very message that was
        the log's last, so it is refused when this copy is behind.
        """
        was_ready, self._is_ready = self._is_ready, False
        return was_ready

    async def extend(
        self, changes: tuple[Change, ...], epoch: Epoch, at: UnixMillis, may: Callable[[], bool]
    ) -> Marker:
        """Append one entry of *changes* and apply it; *may* is asked right before the append.

        Raises:
            NotPrimary: the copy is behind, or *may* said no; nothing was written.
            LogConflict: somebody else extended the log; nothing was written.
            LogUnavailable: the log has no leader; nothing was written.
            OutcomeUnknown: the log may have the entry; catch up to know.
            StoreUnavailable: the database failed; the log may have the entry: catch up.
        """
        log = self.log
        async with self.state.transaction() as transaction:
            if transaction.marker != self.marker:
                raise NotPrimary("this copy was behind; it catches up first")
            if log.generation != self.marker.log_generation:
                raise NotPrimary("the log has a later generation; this copy reads it first")
            entry = LogEntry(
                log_generation=self.marker.log_generation,
                revision=Revision(self.marker.revision + 1),
                epoch=epoch,
                changes=changes,
                at=at,
                previous_hash=self.marker.hash,
            )
            body = entry.encode()
            assert len(body) <= ENTRY_LIMIT_BYTES, "the batch leaves room for the entry's head"
            hash_ = entry_hash(body)
            stored = StoredEntry(body, hash_, self.node, self.key.sign(signed_bytes(hash_)))
            await transaction.apply(stored, Sequence(self.end + 1))
            if not may():
                raise NotPrimary("the right to act as primary ended before the append")
            self.end = await log.append(stored, self.end)
        self.marker, self.mode = transaction.marker, transaction.mode
        self._remember(transaction.marker)
        return transaction.marker

    def took(self, documents: Documents) -> None:
        """The documents after an entry that was just committed."""
        self.documents = documents
        self._learn(documents)

    def knows(self, revision: Revision, hash_: str) -> bool:
        """Whether *hash_* is this history's at *revision*, as far as it is remembered."""
        return self.hashes.get(revision) == hash_

    async def _read(self, transaction: Open) -> Documents:
        rows = await transaction.rows()
        self.documents = Documents(
            {(row.kind, row.id): Stored(row.revision, row.body) for row in rows}
        )
        self.marker, self.mode, self._has_read = transaction.marker, transaction.mode, True
        self._remember(transaction.marker)
        return self.documents

    def _remember(self, marker: Marker) -> None:
        self.hashes[marker.revision] = marker.hash
        while len(self.hashes) > HASHES_KEPT:
            del self.hashes[min(self.hashes)]

    async def _place(self, marker: Marker) -> tuple[Log, Sequence]:
        """The generation of the log that goes on from *marker*, and what of it was read.

        A copy of another history must neither extend this log nor learn from it.
        """
        log = self.log if self._is_of(marker) else self.log.of(marker.log_generation)
        if await read_hash(log, marker) == marker.hash:
            return log, marker.sequence
        begun = await find_last_begun(log, self.trust)
        if begun is not None and entrance(marker, begun.first) is Entrance.GOES_ON:
            return log.of(begun.generation), Sequence(0)
        raise LogUnavailable("the cluster log does not hold this database's last entry")

    def _is_of(self, marker: Marker) -> bool:
        return self.log.generation == marker.log_generation

    def _learn(self, documents: Documents) -> None:
        for id_, body in documents.of(Kind.NODE).items():
            self._learn_master(id_, body)

    def _learn_from(self, entry: LogEntry) -> None:
        for change in entry.changes:
            if change.kind == Kind.NODE and change.body is not None:
                self._learn_master(change.id, change.body)

    def _learn_master(self, id_: str, body: Mapping[str, Any]) -> None:
        key = body.get("public_key")
        if body.get("role") == NodeRole.MASTER and isinstance(key, str) and key:
            self.trust.learn(NodeId(id_), key)

    def _valid(self, message: bytes, marker: Marker) -> StoredEntry | None:
        try:
            stored = StoredEntry.decode(message)
            entry = LogEntry.decode(stored.body)
            why = None if verify(stored, self.trust) else "not signed by a master"
            if entry.log_generation != self.log.generation:
                why = f"of log generation {entry.log_generation}"
            why = why or follows(marker, entry)
        except Undecodable as error:
            why, stored = str(error), None
        if why is not None:
            logging.getLogger("meridian.config").error("an entry of the log was skipped: %s", why)
            return None
        return stored
