"""Stores the replica: PostgreSQL on masters, one signed file on traffic nodes.

**The file is whole or it is the old one**: it is written beside the old one, synchronised and
renamed, and the folder is synchronised too. It holds the site and its nodes, and no secret.
"""

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from services.replication.core.snapshot import Content, Snapshot, kinds_of
from shared.crypto.nodekeys import NodeKey, verify, write_secret
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.domain.errors import BadSettings, StoreUnavailable
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import (
    LogEntry,
    Marker,
    Op,
    ReplicationMode,
    StoredEntry,
    empty_marker,
    mode_after,
)
from shared.domain.snapshot import Answered, Chunk, Scope, SignedSnapshot, SnapshotDocument
from shared.persistence.master_state import MasterState, Part, Row, Transaction

SNAPSHOT_FILE: Final = "snapshot.json"
DOCUMENTS_AT_A_TIME: Final = 500
REQUESTS_AT_A_TIME: Final = 5_000


@dataclass(frozen=True, slots=True)
class Copy:
    """The state of one moment, to be read once and part by part."""

    marker: Marker
    mode: ReplicationMode
    parts: AsyncGenerator[Chunk]


class FollowerStore(Protocol):
    """What a follower needs of its replica."""

    async def marker(self) -> Marker | None: ...
    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None: ...
    async def load(self, content: Content) -> None: ...
    async def snapshot(self) -> Snapshot: ...
    def copy(self, scope: Scope) -> AbstractAsyncContextManager[Copy]: ...
    async def nodes(self) -> tuple[SnapshotDocument, ...]: ...


class MasterStore:
    """A master's replica, in PostgreSQL."""

    def __init__(self, state: MasterState) -> None:
        self._state = state

    async def marker(self) -> Marker | None:
        return await self._state.marker()

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        """Apply the entry, unless config was faster."""
        async with self._state.transaction() as transaction:
            await transaction.apply(stored, sequence)

    async def load(self, content: Content) -> None:
        """Replace everything by *content*, of which one chunk is in memory at a time."""
        assert content.scope is Scope.FULL, "a master loads everything"
        async with self._state.transaction() as transaction:
            await transaction.empty(content.marker, content.mode)
            for chunk in content.chunks():
                rows = (
                    Row(each.kind, each.id, each.revision, each.body) for each in chunk.documents
                )
                await transaction.fill(rows, chunk.requests)

    async def snapshot(self) -> Snapshot:
        async with self._state.view() as view:
            rows, requests = await view.rows(), await view.requests()
            return Snapshot(view.marker, view.mode, _documents(rows), tuple(requests))

    @asynccontextmanager
    async def copy(self, scope: Scope) -> AsyncGenerator[Copy]:
        """Give the state of this moment, whatever is written meanwhile."""
        async with self._state.view() as view:
            yield Copy(view.marker, view.mode, _parts(view, scope))

    async def nodes(self) -> tuple[SnapshotDocument, ...]:
        return _documents((await self._state.read((Kind.NODE,))).rows)


async def _parts(view: Transaction, scope: Scope) -> AsyncGenerator[Chunk]:
    place: tuple[str, str] | None = None
    while rows := await view.rows(kinds_of(scope), part=Part(place, DOCUMENTS_AT_A_TIME)):
        yield Chunk(_documents(rows))
        place = rows[-1].kind, rows[-1].id
    last: Answered | None = None
    while scope is Scope.FULL and (requests := await view.requests(last, REQUESTS_AT_A_TIME)):
        yield Chunk(requests=tuple(requests))
        last = requests[-1]


def _documents(rows: tuple[Row, ...]) -> tuple[SnapshotDocument, ...]:
    return tuple(SnapshotDocument(row.kind, row.id, row.revision, row.body) for row in rows)


class FileStore:
    """A traffic node's replica: the directory's documents and the marker, in one signed file."""

    def __init__(
        self, folder: Path, node: NodeId, key: NodeKey, log_generation: LogGeneration
    ) -> None:
        self._path = folder / SNAPSHOT_FILE
        self._node = node
        self._key = key
        self._generation = log_generation
        self._kept: Snapshot | None = None

    async def marker(self) -> Marker | None:
        return (await self.snapshot()).marker

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        """Apply the entry and write the file; an entry of other kinds moves the marker alone."""
        before, entry = await self.snapshot(), LogEntry.decode(stored.body)
        documents = {(each.kind, each.id): each for each in before.documents}
        for change in entry.changes:
            key = change.kind, change.id
            if change.op is Op.PUT and change.body is not None:
                documents[key] = SnapshotDocument(*key, entry.revision, change.body)
            elif change.op is Op.DELETE:
                documents.pop(key, None)
        marker = before.marker.advanced(entry, stored.hash, sequence)
        mode = mode_after(before.mode, entry.changes)
        await self.load(Snapshot(marker, mode, tuple(documents.values())))

    async def load(self, content: Content) -> None:
        """Replace the file by what of *content* belongs on this node.

        The loop waits for the disk: two writings at once would share the file beside it.

        Raises:
            StoreUnavailable: the disk did not take it; the old file stands.
        """
        found = tuple(each for chunk in content.chunks() for each in chunk.documents)
        kept = Snapshot(content.marker, content.mode, found).within(Scope.DIRECTORY)
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
    async def copy(self, scope: Scope) -> AsyncGenerator[Copy]:
        """Give the state of this moment, which is the directory alone."""
        kept = (await self.snapshot()).within(scope)
        yield Copy(kept.marker, kept.mode, _at_once(kept))

    async def nodes(self) -> tuple[SnapshotDocument, ...]:
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
            empty_marker(self._generation), ReplicationMode.SYNCHRONOUS, (), scope=Scope.DIRECTORY
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
