"""Stores the replica: PostgreSQL on masters, one signed file on traffic nodes.

**The file is whole or it is the old one**: it is written beside the old one, synchronised and
renamed, and the folder is synchronised too. It holds the site and its nodes, and no secret.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from services.replication.core.snapshot import Content, Snapshot, kinds_of
from services.replication.core.work_record import WorkRecord
from shared.crypto.nodekeys import NodeKey, verify, write_secret
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.domain.document import Document, Ref
from shared.domain.errors import BadSettings, StoreUnavailable
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import (
    LogEntry,
    LogPosition,
    Op,
    ReplicationMode,
    StoredEntry,
    empty_position,
    mode_after,
)
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import Chunk, Scope, SignedSnapshot
from shared.persistence.master_state import MasterState, Part, Transaction
from shared.runtime.clock import Clock

SNAPSHOT_FILE: Final = "snapshot.json"
DOCUMENTS_AT_A_TIME: Final = 500
REQUESTS_AT_A_TIME: Final = 5_000
IDLE_SECONDS: Final = 2.0
"""A follower that reads the log looks into its database more often than this."""

READ_SECONDS: Final = 1.0
"""The time limit of a read that is made only to see whether the database answers."""


@dataclass(frozen=True, slots=True)
class ReplicaCopy:
    """The state of one moment, to be read once and part by part."""

    position: LogPosition
    mode: ReplicationMode
    parts: AsyncGenerator[Chunk]


class FollowerStore(Protocol):
    """Stores the replica as a follower needs it."""

    async def position(self) -> LogPosition | None: ...
    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None: ...
    async def load(self, content: Content) -> None: ...
    async def snapshot(self) -> Snapshot: ...
    def copy(self, scope: Scope) -> AbstractAsyncContextManager[ReplicaCopy]: ...
    async def nodes(self) -> tuple[Document, ...]: ...


class MasterStore:
    """A master's replica, in PostgreSQL; *record* says what became of each use of it."""

    def __init__(self, state: MasterState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self.record = WorkRecord()

    async def position(self) -> LogPosition | None:
        with self.record.failures():
            position = await self._state.position()
        self.record.record_read(self._clock.now())
        return position

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        """Apply the entry, unless config was faster."""
        with self.record.failures():
            async with self._state.transaction() as transaction:
                await transaction.apply(stored, sequence)
        self.record.record_apply(self._clock.now())

    async def load(self, content: Content) -> None:
        """Replace everything by *content*, of which one chunk is in memory at a time."""
        assert content.scope is Scope.FULL, "a master loads everything"
        with self.record.failures():
            async with self._state.transaction() as transaction:
                await transaction.empty(content.position, content.mode)
                for chunk in content.chunks():
                    await transaction.fill(chunk.documents, chunk.requests)
        self.record.record_apply(self._clock.now())

    async def snapshot(self) -> Snapshot:
        async with self._state.view() as view:
            documents, requests = await view.documents(), await view.requests()
            return Snapshot(view.position, view.mode, documents, tuple(requests))

    @asynccontextmanager
    async def copy(self, scope: Scope) -> AsyncGenerator[ReplicaCopy]:
        """Give the state of this moment, whatever is written meanwhile."""
        async with self._state.view() as view:
            yield ReplicaCopy(view.position, view.mode, _parts(view, scope))

    async def nodes(self) -> tuple[Document, ...]:
        return (await self._state.read((Kind.NODE,))).documents

    async def prove(self) -> WorkRecord:
        """Return what is known of the database; it is read when it was not used for a while."""
        if self._clock.now() - self.record.worked_at > IDLE_SECONDS:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await self.position()
            except StoreUnavailable:
                pass  # it is recorded
            except TimeoutError:
                limit = f"the database did not answer within {READ_SECONDS:g} s"
                self.record.record_failure(StoreUnavailable(limit))
        return self.record


async def _parts(view: Transaction, scope: Scope) -> AsyncGenerator[Chunk]:
    place: Ref | None = None
    while documents := await view.documents(kinds_of(scope), part=Part(place, DOCUMENTS_AT_A_TIME)):
        yield Chunk(documents)
        place = documents[-1].ref
    requests = list[AnsweredRequest]()
    while scope is Scope.FULL:
        last = requests[-1] if requests else None
        requests = await view.requests(last, REQUESTS_AT_A_TIME)
        if not requests:
            break
        yield Chunk(requests=tuple(requests))


class FileStore:
    """A traffic node's replica: the directory's documents and the position, in one signed file."""

    def __init__(
        self, folder: Path, node: NodeId, key: NodeKey, log_generation: LogGeneration
    ) -> None:
        self._path = folder / SNAPSHOT_FILE
        self._node = node
        self._key = key
        self._generation = log_generation
        self._kept: Snapshot | None = None

    async def position(self) -> LogPosition | None:
        return (await self.snapshot()).position

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        """Apply the entry and write the file; an entry of other kinds moves the position alone."""
        before, entry = await self.snapshot(), LogEntry.decode(stored.body)
        documents = {each.ref: each for each in before.documents}
        for change in entry.changes:
            ref = Ref(change.kind, change.id)
            if change.op is Op.PUT and change.body is not None:
                documents[ref] = Document(*ref, entry.revision, change.body)
            elif change.op is Op.DELETE:
                documents.pop(ref, None)
        position = LogPosition.of(entry, stored.hash, sequence)
        mode = mode_after(before.mode, entry.changes)
        await self.load(Snapshot(position, mode, tuple(documents.values())))

    async def load(self, content: Content) -> None:
        """Replace the file by what of *content* belongs on this node.

        The loop waits for the disk: two writings at once would share the file beside it.

        Raises:
            StoreUnavailable: the disk did not take it; the old file stands.
        """
        found = tuple(each for chunk in content.chunks() for each in chunk.documents)
        kept = Snapshot(content.position, content.mode, found).within(Scope.DIRECTORY)
        try:
            self._write(kept)
        except OSError as error:
            raise StoreUnavailable(f"{self._path} was not written: {error}") from error
        self._kept = kept

    async def snapshot(self) -> Snapshot:
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    @asynccontextmanager
    async def copy(self, scope: Scope) -> AsyncGenerator[ReplicaCopy]:
        """Give the state of this moment, which is the directory alone."""
        kept = (await self.snapshot()).within(scope)
        yield ReplicaCopy(kept.position, kept.mode, _at_once(kept))

    async def nodes(self) -> tuple[Document, ...]:
        kept = await self.snapshot()
        return tuple(each for each in kept.documents if each.kind == Kind.NODE)

    def _write(self, snapshot: Snapshot) -> None:
        body = snapshot.encode()
        signed = SignedSnapshot(body, self._node, self._key.sign(body))
        write_secret(self._path, signed.encode())
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> Snapshot:
        """Read the file; a damaged one is logged, and the replica begins empty."""
        empty = Snapshot(
            empty_position(self._generation), ReplicationMode.SYNCHRONOUS, (), scope=Scope.DIRECTORY
        )
        try:
            return self._proven(SignedSnapshot.decode(self._path.read_bytes()))
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise BadSettings(f"{self._path} cannot be read: {error}") from error
        except Undecodable as error:
            log = logging.getLogger("meridian.replication")
            log.error("%s is damaged (%s); the replica begins empty", self._path, error)  # noqa: TRY400
            return empty

    def _proven(self, signed: SignedSnapshot) -> Snapshot:
        if not verify(self._key.public_b64, signed.signature, signed.body):
            raise Undecodable("it is not signed by this node", reason="bad_shape")
        return Snapshot.decode(signed.body)


async def _at_once(kept: Snapshot) -> AsyncGenerator[Chunk]:
    for chunk in kept.chunks():
        yield chunk
