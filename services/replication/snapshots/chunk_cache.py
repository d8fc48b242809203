"""Keeps the fetched chunks of a snapshot in files until all of them are here.

A file is named by its chunk's hash, and its content is checked against that name. So a follower
that was interrupted fetches only the chunks that it lacks, also of a newer snapshot.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature, StoreUnavailable
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.snapshot import Chunk, ChunkRef, Manifest, Scope

FOLDER: Final = "incoming"


class ChunkCache:
    """The chunks of one snapshot that were fetched so far."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER

    def begin(self, manifest: Manifest) -> tuple[int, ...]:
        """Delete the chunks that *manifest* does not name; number those that are missing.

        Raises:
            StoreUnavailable: the disk does not do it.
        """
        wanted = {ref.hash for ref in manifest.chunks}
        held: set[str] = set()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in self._folder.iterdir():
                if path.name in wanted and ChunkRef.of(path.read_bytes()).hash == path.name:
                    held.add(path.name)
                else:
                    path.unlink()
        except OSError as error:
            raise StoreUnavailable(f"{self._folder} cannot be used: {error}") from error
        return manifest.lacking(held)

    def keep(self, data: bytes) -> None:
        """Store a chunk that was checked.

        Raises:
            StoreUnavailable: the disk does not take it.
        """
        try:
            write_secret(self._folder / ChunkRef.of(data).hash, data)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder} cannot be written: {error}") from error

    def read(self, ref: ChunkRef) -> Chunk:
        """Read a chunk that was stored.

        Raises:
            StoreUnavailable: the disk gives something else than it was given.
            BadSignature: a master signed what is no chunk, or a later release's.
        """
        try:
            data = (self._folder / ref.hash).read_bytes()
        except OSError as error:
            raise StoreUnavailable(f"a chunk that was fetched cannot be read: {error}") from error
        if ChunkRef.of(data) != ref:
            raise StoreUnavailable("the disk gives other bytes of a chunk than it was given")
        try:
            return Chunk.decode(data)
        except Undecodable as error:
            raise BadSignature(f"a master signed what this release cannot read: {error}") from error

    def clear(self) -> None:
        """Delete every chunk, once the snapshot is loaded."""
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class CachedSnapshot:
    """A snapshot whose chunks are all in the cache."""

    manifest: Manifest
    cache: ChunkCache

    @property
    def position(self) -> LogPosition:
        return self.manifest.position

    @property
    def mode(self) -> ReplicationMode:
        return self.manifest.mode

    @property
    def scope(self) -> Scope:
        return self.manifest.scope

    def chunks(self) -> Iterator[Chunk]:
        """Give its chunks, one in memory at a time."""
        return (self.cache.read(ref) for ref in self.manifest.chunks)
