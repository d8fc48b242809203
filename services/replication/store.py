"""Where a follower keeps its copy: PostgreSQL on masters, one signed file on traffic nodes.

**The file is whole or it is the old one**: written beside it, synchronised, renamed, and the
folder synchronised too. It holds the site and its nodes, and no secret.
"""

import logging
import os
from pathlib import Path
from typing import Final, Protocol

from services.replication.core.snapshot import Scope, SignedSnapshot, Snapshot, SnapshotDocument
from shared.crypto.nodekeys import NodeKey, verify, write_secret
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
from shared.persistence.master_state import MasterState, Row

SNAPSHOT_FILE: Final = "snapshot.json"


class FollowerStore(Protocol):
    """The verbs that a follower needs of its copy."""

    async def marker(self) -> Marker | None: ...
    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None: ...
    async def load(self, snapshot: Snapshot) -> None: ...
    async def snapshot(self) -> Snapshot: ...


class MasterStore:
    """A master's copy, in PostgreSQL."""

    def __init__(self, state: MasterState) -> None:
        self._state = state

    async def marker(self) -> Marker | None:
        return await self._state.marker()

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        """Apply the entry, unless config was faster."""
        async with self._state.transaction() as transaction:
            await transaction.apply(stored, sequence)

    async def load(self, snapshot: Snapshot) -> None:
        """Replace everything by *snapshot*."""
        assert snapshot.scope is Scope.FULL, "a master forgets nothing"
        async with self._state.transaction() as transaction:
            rows = (
                Row(each.kind, each.id, each.revision, each.body) for each in snapshot.documents
            )
            await transaction.load(snapshot.marker, snapshot.mode, rows, snapshot.requests)

    async def snapshot(self) -> Snapshot:
        async with self._state.view() as view:
            rows, requests = await view.rows(), await view.requests()
            documents = (SnapshotDocument(row.kind, row.id, row.revision, row.body) for row in rows)
            return Snapshot(view.marker, view.mode, tuple(documents), tuple(requests))


class FileStore:
    """A traffic node's copy: the directory's documents and the marker, in one signed file."""

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

    async def load(self, snapshot: Snapshot) -> None:
        """Replace the file by what of *snapshot* belongs on this node.

        The loop waits for the disk: two writings at once would share the file beside it.

        Raises:
            StoreUnavailable: the disk did not take it; the old file stands.
        """
        kept = snapshot.within(Scope.DIRECTORY)
        try:
            self._write(kept)
        except OSError as error:
            raise StoreUnavailable(f"{self._path} was not written: {error}") from error
        self._kept = kept

    async def snapshot(self) -> Snapshot:
        if self._kept is None:
            self._kept = self._read()
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
        """The file's content; a damaged one is told and begun anew, as if there were none."""
        empty = Snapshot(
            empty_marker(self._generation), ReplicationMode.SYNCHRONOUS, (), scope=Scope.DIRECTORY
        )
        try:
            return self._proven(SignedSnapshot.decode(self._path.read_bytes()))
        except FileNotFoundError:
            return empty
        except OSError as error:
            raise BadSettings(f"{self._path} cannot be read: {error}") from error
        except ValueError as error:
            log = logging.getLogger("meridian.replication")
            log.error("%s is damaged (%s); this node begins anew", self._path, error)  # noqa: TRY400
            return empty

    def _proven(self, signed: SignedSnapshot) -> Snapshot:
        if not verify(self._key.public_b64, signed.signature, signed.body):
            raise ValueError("it is not signed by this node")
        return Snapshot.decode(signed.body)
