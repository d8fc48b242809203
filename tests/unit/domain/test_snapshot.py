"""Chunks and their manifest: what comes back is what went in, and a change alters one chunk."""

import json
import zlib
from dataclasses import replace

import pytest

from shared.decoding.errors import Undecodable
from shared.domain.document import Document
from shared.domain.ids import Epoch, LogGeneration, RequestId, Revision, Sequence, UnixMillis
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import (
    LARGEST_BYTES,
    UNPACKED_BYTES,
    Chunk,
    ChunkRef,
    Cutter,
    Manifest,
    Scope,
)

POSITION = LogPosition(LogGeneration(1), Revision(7), Sequence(9), Epoch(2), "c" * 64)


def document(number: int, text: str = "") -> Document:
    name = f"n{number:05}"
    return Document("node", name, Revision(3), {"region": text or f"{name:>900}"})


def cut(records: Chunk) -> list[bytes]:
    cutter = Cutter()
    return [*cutter.add(records), *cutter.rest()]


def manifest(chunks: list[bytes]) -> Manifest:
    refs = tuple(ChunkRef.of(data) for data in chunks)
    return Manifest(POSITION, ReplicationMode.DEGRADED, Scope.FULL, refs)


def test_records_come_back_in_their_order() -> None:
    documents = tuple(document(number) for number in range(1_500))
    requests = tuple(
        AnsweredRequest(
            RequestId(f"r{number}"), "d" * 64, Revision(number), UnixMillis(1_000 + number)
        )
        for number in range(4_000)
    )
    chunks = [Chunk.decode(data) for data in cut(Chunk(documents, requests))]
    assert len(chunks) > 3
    assert tuple(each for chunk in chunks for each in chunk.documents) == documents
    assert tuple(each for chunk in chunks for each in chunk.requests) == requests


def test_nothing_makes_no_chunk() -> None:
    assert cut(Chunk()) == []


def test_parts_make_the_same_chunks_as_the_whole() -> None:
    documents = tuple(document(number) for number in range(900))
    cutter = Cutter()
    parts = [data for each in documents for data in cutter.add(Chunk((each,)))]
    assert [*parts, *cutter.rest()] == cut(Chunk(documents))


def test_a_change_alters_the_chunk_that_it_falls_into_alone() -> None:
    documents = [document(number) for number in range(3_000)]
    before = manifest(cut(Chunk(tuple(documents))))
    documents[10] = document(10, "another region, of another length")
    del documents[20]
    after = manifest(cut(Chunk(tuple(documents))))
    held = {ref.hash for ref in before.chunks}
    assert after.lacking(held) == (0,)
    assert len(after.chunks) > 3


def test_a_record_as_large_as_an_entry_ends_its_chunk() -> None:
    large = tuple(document(number, "x" * 500_000) for number in range(5))
    chunks = cut(Chunk(large))
    assert [len(Chunk.decode(data).documents) for data in chunks] == [3, 2]


def test_what_unpacks_to_more_than_a_chunk_holds_is_refused() -> None:
    bomb = zlib.compress(b" " * (UNPACKED_BYTES + 1))
    assert len(bomb) < LARGEST_BYTES
    with pytest.raises(Undecodable, match="does not end where it should"):
        Chunk.decode(bomb)


@pytest.mark.parametrize(
    "lines", [b"[]", b"5", b'["d"]', b'["d","node"]', b'["r","a","b","c","d"]', b"{", b"\xff"]
)
def test_what_has_another_shape_is_no_chunk(lines: bytes) -> None:
    with pytest.raises(Undecodable, match=r"chunk|no JSON"):
        Chunk.decode(zlib.compress(lines))


@pytest.mark.parametrize("cut_off", [1, 10, 30])
def test_a_truncated_chunk_is_refused(cut_off: int) -> None:
    (data,) = cut(Chunk((document(1),)))
    with pytest.raises(Undecodable, match=r"chunk|no JSON"):
        Chunk.decode(data[:-cut_off])
    with pytest.raises(Undecodable, match=r"chunk|no JSON"):
        Chunk.decode(data + b"more")


def test_a_manifest_is_read_as_it_was_written() -> None:
    whole = manifest(cut(Chunk((document(1),))))
    assert Manifest.decode(whole.encode()) == whole
    assert replace(whole, scope=Scope.DIRECTORY).encode() != whole.encode()


@pytest.mark.parametrize(
    "change",
    [{"type": "meridian/snapshot/v1"}, {"chunks": [["a"]]}, {"position": {}}, {"mode": ""}],
)
def test_what_has_another_shape_is_no_manifest(change: dict[str, object]) -> None:
    content = json.loads(manifest([]).encode()) | change
    with pytest.raises(Undecodable, match=r"manifest|chunk"):
        Manifest.decode(json.dumps(content).encode())
