"""Keeps this master's copy of the state up to date with the log that it is a copy of.

It brings the copy to the log's end and extends both together: prepare in a transaction, append,
commit. PostgreSQL is never ahead of the log, and an entry that the log has and PostgreSQL refused
is applied from the log before anything else is decided.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from collections.abc import Sequence as Items
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from services.config.core.commit_record import CommitRecord
from shared.clusterlog.generations import find_last_begun, read_hash
from shared.clusterlog.log import EntrySigner, RawEntry, verify
from shared.clusterlog.ports import LogReader
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.documents.state import Documents
from shared.domain.document import Document, Ref
from shared.domain.errors import LogUnavailable, NotPrimary, StoreUnavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision, Sequence
from shared.domain.log import (
    ENTRY_LIMIT_BYTES,
    Change,
    Entrance,
    LogEntry,
    LogPosition,
    ReplicationMode,
    StoredEntry,
    empty_position,
    entrance,
    follows,
)
from shared.domain.node import NodeRole
from shared.domain.request import AnsweredRequest
from shared.runtime.clock import Clock
from shared.runtime.grant import GrantHolder

HASHES_KEPT: Final = 1_000


class StoreTransaction(Protocol):
    """A transaction that locks the position: what is done in it stands together or not at all."""

    @property
    def position(self) -> LogPosition: ...
    @property
    def mode(self) -> ReplicationMode: ...
    async def apply(self, stored: StoredEntry, sequence: Sequence) -> bool: ...
    async def documents(self) -> tuple[Document, ...]: ...


class ReplicaStore(Protocol):
    """The master state of this master, in its database."""

    def transaction(self) -> AbstractAsyncContextManager[StoreTransaction]: ...
    async def find_requests(
        self, requests: Items[RequestId]
    ) -> dict[RequestId, AnsweredRequest]: ...


class AppendLog(LogReader, Protocol):
    """One generation of the cluster log that takes entries, and the way to the others."""

    def of(self, generation: LogGeneration) -> "AppendLog": ...
    def read_from(self, sequence: Sequence) -> AsyncGenerator[RawEntry]: ...
    async def append(self, stored: StoredEntry, expected: Sequence) -> Sequence: ...


@dataclass
class WritePermission:
    """The monitor's grant, as this machine's clock reads it now."""

    grant: GrantHolder
    clock: Clock

    @property
    def epoch(self) -> Epoch | None:
        """Return the epoch that this master may write in now; None when it may not."""
        return self.grant.valid_epoch(self.clock.now())

    @property
    def is_paused(self) -> bool:
        """Say whether this master does not write now, but may go on."""
        return self.grant.is_paused(self.clock.now())


@dataclass
class Replica:
    """The state as this process last saw it; *end* is the last sequence read, applied or not.

    *commits* records what this process's writes prove of the database.
    """

    signer: EntrySigner
    trust: TrustStore
    state: ReplicaStore
    log: AppendLog
    permission: WritePermission
    position: LogPosition
    mode: ReplicationMode = ReplicationMode.SYNCHRONOUS
    documents: Documents = field(default_factory=lambda: Documents({}))
    end: Sequence = Sequence(0)
    hashes: dict[Revision, str] = field(default_factory=dict[Revision, str])
    commits: CommitRecord = field(default_factory=CommitRecord)
    _has_read: bool = False
    _is_ready: bool = False

    @staticmethod
    def of(
        signer: EntrySigner,
        trust: TrustStore,
        state: ReplicaStore,
        log: AppendLog,
        permission: WritePermission,
    ) -> "Replica":
        """Make a copy that has read nothing yet."""
        return Replica(signer, trust, state, log, permission, empty_position(trust.log_generation))

    @property
    def node(self) -> NodeId:
        return self.signer.node

    async def catch_up(self) -> None:
        """Apply whatever the log has more, and read the documents if they are others than before.

        An entry that is not validly signed, or does not follow, is skipped, as by every follower.

        Raises:
            LogUnavailable: the log does not answer, or it is not the one that this copy is of.
            StoreUnavailable: the database failed.
        """
        async with self.state.transaction() as transaction:
            before = transaction.position
            if not self._has_read or before != self.position:
                self._trust_masters(await self._read(transaction))
            self.log, self.end = await self._locate(before)
            async for raw in self.log.read_from(Sequence(self.end + 1)):
                stored = self._next_entry(raw.data, transaction.position)
                if stored is not None:
                    await transaction.apply(stored, raw.sequence)
                    self._trust_masters_of(LogEntry.decode(stored.body))
                    self._remember(transaction.position)
                self.end = raw.sequence
            if transaction.position != before:  # a whole reading, and a new primary waits for it
                await self._read(transaction)

    async def prepare_for_role(self) -> None:
        """Catch up before a role is handed over, so that its first entry can follow at once.

        Raises:
            LogUnavailable, StoreUnavailable: as `catch_up`; this copy is not ready.
        """
        self._is_ready = False
        await self.catch_up()
        self._is_ready = True

    def use_readiness(self) -> bool:
        """Say whether this copy was ready until now; the next call says no until it prepares again.

        Readiness is a guess: an entry is appended behind the very message that was the log's last,
        so the log refuses it when this copy is behind.
        """
        was_ready, self._is_ready = self._is_ready, False
        return was_ready

    async def append(self, changes: tuple[Change, ...], epoch: Epoch) -> None:
        """Append one entry of *changes* and apply it, if the grant of *epoch* still holds.

        Raises:
            NotPrimary: the copy is behind, or the grant ended; nothing was written.
            LogConflict: another writer extended the log; nothing was written.
            LogUnavailable: the log has no leader; nothing was written.
            OutcomeUnknown: the log may have the entry; catch up to know.
            StoreUnavailable: the database failed; the log may have the entry: catch up.
            StoreRefused: as that; the database answered and refused.
        """
        log = self.log
        async with self.state.transaction() as transaction:
            if transaction.position != self.position:
                raise NotPrimary("this copy was behind; it catches up first")
            if log.generation != self.position.log_generation:
                raise NotPrimary("the log has a later generation; this copy reads it first")
            stored = self.signer.sign(self._entry(changes, epoch))
            assert len(stored.body) <= ENTRY_LIMIT_BYTES, "a batch leaves room for the entry's head"
            await transaction.apply(stored, Sequence(self.end + 1))
            if self.permission.epoch != epoch:
                raise NotPrimary("the right to act as primary ended before the append")
            self.end = await log.append(stored, self.end)
        self.commits.record_append(self.permission.clock.now())
        self.position, self.mode = transaction.position, transaction.mode
        self._remember(transaction.position)

    def record_failed_append(self, error: StoreUnavailable) -> None:
        """Note that the database took no append, or did not let one begin."""
        now = self.permission.clock.now()
        self.commits.record_failed_append(error, self.position.revision, now)

    def change_documents(self, outcome: Mapping[Ref, dict[str, Any] | None]) -> None:
        """Hold the *outcome* of the entry that was just committed."""
        self.documents = self.documents.with_(outcome, self.position.revision)
        for ref, body in outcome.items():
            if ref.kind == Kind.NODE and body is not None:
                self._trust_master(ref.id, body)

    def has_entry(self, revision: Revision, hash_: str) -> bool:
        """Say whether *hash_* is this history's at *revision*, as far as it is remembered."""
        return self.hashes.get(revision) == hash_

    def _entry(self, changes: tuple[Change, ...], epoch: Epoch) -> LogEntry:
        return LogEntry(
            log_generation=self.position.log_generation,
            revision=Revision(self.position.revision + 1),
            epoch=epoch,
            changes=changes,
            at=self.permission.clock.unix_ms(),
            previous_hash=self.position.hash,
        )

    async def _read(self, transaction: StoreTransaction) -> Documents:
        found = await transaction.documents()
        self.documents = Documents({each.ref: each for each in found})
        self.position, self.mode, self._has_read = transaction.position, transaction.mode, True
        self._remember(transaction.position)
        return self.documents

    def _remember(self, position: LogPosition) -> None:
        self.hashes[position.revision] = position.hash
        while len(self.hashes) > HASHES_KEPT:
            del self.hashes[min(self.hashes)]

    async def _locate(self, position: LogPosition) -> tuple[AppendLog, Sequence]:
        """Find the generation of the log that goes on from *position*, and what of it was read.

        Raises:
            LogUnavailable: none does. A copy of another history must not extend this log, nor
                apply what is in it.
        """
        log = self.log if self._is_of(position) else self.log.of(position.log_generation)
        if await read_hash(log, position) == position.hash:
            return log, position.sequence
        begun = await find_last_begun(log, self.trust)
        if begun is not None and entrance(position, begun.first) is Entrance.GOES_ON:
            return log.of(begun.generation), Sequence(0)
        raise LogUnavailable("the cluster log does not hold this database's last entry")

    def _is_of(self, position: LogPosition) -> bool:
        return self.log.generation == position.log_generation

    def _trust_masters(self, documents: Documents) -> None:
        for each in documents:
            if each.kind == Kind.NODE:
                self._trust_master(each.id, each.body)

    def _trust_masters_of(self, entry: LogEntry) -> None:
        for change in entry.changes:
            if change.kind == Kind.NODE and change.body is not None:
                self._trust_master(change.id, change.body)

    def _trust_master(self, id_: str, body: Mapping[str, Any]) -> None:
        key = body.get("public_key")
        if body.get("role") == NodeRole.MASTER and isinstance(key, str) and key:
            self.trust.learn(NodeId(id_), key)

    def _next_entry(self, message: bytes, position: LogPosition) -> StoredEntry | None:
        """Decode the entry in *message*; None, and logged, when it does not follow *position*."""
        try:
            stored = StoredEntry.decode(message)
            entry = LogEntry.decode(stored.body)
            why = None if verify(stored, self.trust) else "not signed by a master"
            if entry.log_generation != self.log.generation:
                why = f"of log generation {entry.log_generation}"
            why = why or follows(position, entry)
        except Undecodable as error:
            why, stored = str(error), None
        if why is not None:
            logging.getLogger("meridian.config").error("an entry of the log was skipped: %s", why)
            return None
        return stored
