"""Chunks on their way in: believed by their hash alone, kept for whoever comes again."""

from pathlib import Path

import pytest

from services.replication.intake import FOLDER, Incoming, Intake
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
    intake = Intake(tmp_path)
    assert intake.begin(manifest(ONE, TWO)) == (0, 1)
    intake.keep(ONE)
    assert Intake(tmp_path).begin(manifest(ONE, TWO)) == (1,)


def test_what_the_snapshot_does_not_name_is_thrown_away(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    intake.begin(manifest(ONE, TWO))
    intake.keep(ONE)
    intake.keep(TWO)
    assert intake.begin(manifest(TWO, THREE)) == (1,)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [ChunkRef.of(TWO).hash]


def test_a_file_that_the_disk_spoiled_is_fetched_again(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    intake.begin(manifest(ONE))
    intake.keep(ONE)
    (tmp_path / FOLDER / ChunkRef.of(ONE).hash).write_bytes(TWO)
    with pytest.raises(StoreUnavailable, match="other bytes"):
        intake.read(ChunkRef.of(ONE))
    assert intake.begin(manifest(ONE)) == (0,)


def test_its_content_is_read_one_chunk_after_the_other(tmp_path: Path) -> None:
    intake, both = Intake(tmp_path), manifest(ONE, TWO)
    intake.begin(both)
    intake.keep(TWO)
    intake.keep(ONE)
    content = Incoming(both, intake)
    assert [chunk.documents[0].id for chunk in content.chunks()] == ["one", "two"]
    assert (content.position, content.mode, content.scope) == (both.position, both.mode, both.scope)


def test_what_was_signed_and_cannot_be_read_is_told(tmp_path: Path) -> None:
    intake, strange = Intake(tmp_path), b"of a later release"
    intake.begin(manifest(strange))
    intake.keep(strange)
    with pytest.raises(BadSignature, match="this release cannot read"):
        intake.read(ChunkRef.of(strange))


def test_nothing_is_left_when_it_is_loaded(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    intake.begin(manifest(ONE))
    intake.keep(ONE)
    intake.clear()
    intake.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_take_it_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        Intake(tmp_path).begin(manifest(ONE))
