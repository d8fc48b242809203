"""Chunks on their way in: believed by their hash alone, kept for whoever comes again."""

from pathlib import Path

import pytest

from services.replication.snapshots.chunk_cache import FOLDER, CachedSnapshot, ChunkCache
from shared.domain.document import Document
from shared.domain.errors import BadSignature, StoreUnavailable
from shared.domain.ids import Epoch, LogGeneration, Revision, Sequence
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.snapshot import Chunk, ChunkRef, Cutter, Manifest, Scope

POSITION = LogPosition(LogGeneration(1), Revision(7), Sequence(9), Epoch(2), "c" * 64)


def packed(name: str) -> bytes:
    cutter = Cutter()
    for _ in cutter.add(Chunk((Document("node", name, Revision(1), {}),))):
        raise AssertionError("it is small")
    (data,) = cutter.rest()
    return data


ONE, TWO, THREE = packed("one"), packed("two"), packed("three")


def manifest(*chunks: bytes) -> Manifest:
    refs = tuple(ChunkRef.of(data) for data in chunks)
    return Manifest(POSITION, ReplicationMode.SYNCHRONOUS, Scope.DIRECTORY, refs)


def test_what_is_here_is_not_lacking_also_for_the_next_process(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path)
    assert cache.begin(manifest(ONE, TWO)) == (0, 1)
    cache.keep(ONE)
    assert ChunkCache(tmp_path).begin(manifest(ONE, TWO)) == (1,)


def test_what_the_snapshot_does_not_name_is_deleted(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path)
    cache.begin(manifest(ONE, TWO))
    cache.keep(ONE)
    cache.keep(TWO)
    assert cache.begin(manifest(TWO, THREE)) == (1,)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [ChunkRef.of(TWO).hash]


def test_a_file_that_the_disk_spoiled_is_fetched_again(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path)
    cache.begin(manifest(ONE))
    cache.keep(ONE)
    (tmp_path / FOLDER / ChunkRef.of(ONE).hash).write_bytes(TWO)
    with pytest.raises(StoreUnavailable, match="other bytes"):
        cache.read(ChunkRef.of(ONE))
    assert cache.begin(manifest(ONE)) == (0,)


def test_its_content_is_read_one_chunk_after_the_other(tmp_path: Path) -> None:
    cache, both = ChunkCache(tmp_path), manifest(ONE, TWO)
    cache.begin(both)
    cache.keep(TWO)
    cache.keep(ONE)
    content = CachedSnapshot(both, cache)
    assert [chunk.documents[0].id for chunk in content.chunks()] == ["one", "two"]
    assert (content.position, content.mode, content.scope) == (both.position, both.mode, both.scope)


def test_what_was_signed_and_cannot_be_read_is_reported(tmp_path: Path) -> None:
    cache, strange = ChunkCache(tmp_path), b"of a later release"
    cache.begin(manifest(strange))
    cache.keep(strange)
    with pytest.raises(BadSignature, match="this release cannot read"):
        cache.read(ChunkRef.of(strange))


def test_nothing_is_left_when_it_is_loaded(tmp_path: Path) -> None:
    cache = ChunkCache(tmp_path)
    cache.begin(manifest(ONE))
    cache.keep(ONE)
    cache.clear()
    cache.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_take_it_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        ChunkCache(tmp_path).begin(manifest(ONE))
