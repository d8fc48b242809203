"""Where a follower keeps its copy: PostgreSQL on masters, one signed file on traffic nodes.

**The file is whole or it is the old one**: written beside it, synchronised, renamed, and the
folder synchronised too. It holds the site and its nodes, and no secret.
"""

import asyncio
import os
from pathlib import Path
from typing import Final, Protocol

from services.replication.core.snapshot import SignedSnapshot, Snapshot, SnapshotDocument
from shared.crypto.nodekeys import NodeKey, verify, write_secret
from shared.documents import DIRECTORY_KINDS
from shared.domain.errors import BadSettings
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, Marker, Op, ReplicationMode, StoredEntry, empty_marker
from shared.persistence.master_state import MasterState, Row

SNAPSHOT_FILE: Final = "snapshot.json"


class FollowerStore(Protocol):
    """The verbs that a follower needs of its copy."""

    async def marker(self) -> Marker | None: ...
    async def apply(self, stored: StoredEntry, sequence: Sequence) -> Marker: ...
    async def load(self, snapshot: Snapshot) -> None: ...
    async def snapshot(self) -> Snapshot: ...


class MasterStore:
    """A master's copy, in PostgreSQL."""

    def __init__(self, state: MasterState) -> None:
        self._state = state

    async def marker(self) -> Marker | None:
        return await self._state.marker()

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> Marker:
        """Apply the entry, unless config was faster; where the copy is afterwards."""
        async with self._state.transaction() as transaction:
            await transaction.apply(stored, sequence)
            return transaction.marker

    async def load(self, snapshot: Snapshot) -> None:
        """Replace everything, unless the copy is further on the same generation already."""
        async with self._state.transaction() as transaction:
            rows = (
                Row(each.kind, each.id, each.revision, each.body) for each in snapshot.documents
            )
            await transaction.load(snapshot.marker, snapshot.mode, rows, snapshot.requests)

    async def snapshot(self) -> Snapshot:
        async with self._state.transaction() as transaction:
            rows, requests = await transaction.rows(), await transaction.requests()
            documents = (SnapshotDocument(row.kind, row.id, row.revision, row.body) for row in rows)
            return Snapshot(transaction.marker, transaction.mode, tuple(documents), tuple(requests))


class FileStore:
    """A traffic node's copy: the directory documents and the marker, in one signed file."""

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

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> Marker:
        """Apply the entry and write the file; where the copy is afterwards."""
        before = await self.snapshot()
        entry = LogEntry.decode(stored.body)
        documents = {(each.kind, each.id): each for each in before.documents}
        for change in entry.changes:
            if change.kind not in DIRECTORY_KINDS:
                continue
            if change.op is Op.PUT and change.body is not None:
                document = SnapshotDocument(change.kind, change.id, entry.revision, change.body)
                documents[change.kind, change.id] = document
            elif change.op is Op.DELETE:
                documents.pop((change.kind, change.id), None)
        marker = before.marker.advanced(entry, stored.hash, sequence)
        await self.load(Snapshot(marker, before.mode, tuple(documents.values())))
        return marker

    async def load(self, snapshot: Snapshot) -> None:
        kept = snapshot.only(DIRECTORY_KINDS)
        await asyncio.to_thread(self._write, kept)
        self._kept = kept

    async def snapshot(self) -> Snapshot:
        if self._kept is None:
            self._kept = await asyncio.to_thread(self._read)
        return self._kept

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
        try:
            signed = SignedSnapshot.decode(self._path.read_bytes())
        except FileNotFoundError:
            empty = empty_marker(self._generation)
            return Snapshot(empty, ReplicationMode.SYNCHRONOUS, ())
        except (OSError, ValueError) as error:
            raise self._damaged(str(error)) from error
        if not verify(self._key.public_b64, signed.signature, signed.body):
            raise self._damaged("it is not signed by this node")
        return Snapshot.decode(signed.body)

    def _damaged(self, why: str) -> BadSettings:
        return BadSettings(
            f"{self._path} is damaged ({why}); remove it, and the node takes a snapshot anew"
        )
