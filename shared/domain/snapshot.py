"""A snapshot of the master state: its chunks, and the manifest that names them all.

A chunk holds documents and answered requests, one record a line, compressed. The manifest says
at which position the state was taken and names every chunk by its SHA-256; a master signs the
manifest, and so each chunk too. The name of a record decides whether a chunk ends behind it, not a
count: a change alters the chunk that it falls into and leaves the others as they were, so a reader
that has the chunks of an older snapshot lacks few of the next.
"""

import hashlib
import json
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object, row
from shared.decoding.jsontext import FILE, SMALLEST_INTEGER, Json, decode_json
from shared.domain.document import Document
from shared.domain.ids import (
    Epoch,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import ENTRY_LIMIT_BYTES, LogPosition, ReplicationMode
from shared.domain.request import AnsweredRequest

MANIFEST_TYPE: Final = "meridian/manifest/v1"

SMALLEST_BYTES: Final = 256 << 10
"""A chunk is not cut before it holds so much, uncompressed."""

LARGEST_BYTES: Final = 1 << 20
"""A chunk is cut when it holds so much, whatever its records are called."""

CUT_OF: Final = 256
"""One name in so many ends a chunk that is large enough."""

UNPACKED_BYTES: Final = LARGEST_BYTES + 2 * ENTRY_LIMIT_BYTES
"""No chunk unpacks to more: the last record may be as large as an entry of the log."""


class Scope(StrEnum):
    """The share of the state that a copy holds."""

    FULL = "full"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records of the state."""

    documents: tuple[Document, ...] = ()
    requests: tuple[AnsweredRequest, ...] = ()

    @staticmethod
    def decode(data: bytes) -> "Chunk":
        """Read a chunk.

        Raises:
            Undecodable: it is none.
        """
        records = [decode_json(line) for line in _unpack(data).splitlines()]
        return Chunk(
            tuple(_document(each) for each in records if _tag(each) == "d"),
            tuple(_request(each) for each in records if _tag(each) == "r"),
        )


class Cutter:
    """Cuts records, given in their order, into chunks."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, records: Chunk) -> Iterator[bytes]:
        """Take *records* in, and yield every chunk that is full."""
        for each in records.documents:
            name = f"{each.kind}/{each.id}"
            yield from self._take(name, ["d", each.kind, each.id, each.revision, each.body])
        for request in records.requests:
            yield from self._take(request.request_id, ["r", *request])

    def rest(self) -> Iterator[bytes]:
        """Yield what was added since the last full chunk, if anything was."""
        if self._lines:
            yield self._cut()

    def _take(self, name: str, record: list[Any]) -> Iterator[bytes]:
        line = json.dumps(record, separators=(",", ":")).encode()
        self._lines.append(line)
        self._size += len(line) + 1
        ends = self._size >= SMALLEST_BYTES and zlib.crc32(name.encode()) % CUT_OF == 0
        if ends or self._size >= LARGEST_BYTES:
            yield self._cut()

    def _cut(self) -> bytes:
        packed = zlib.compress(b"\n".join(self._lines))
        self._lines, self._size = [], 0
        return packed


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """A chunk's name: the SHA-256 of its bytes, and how many they are."""

    hash: str
    size: int

    @staticmethod
    def of(data: bytes) -> "ChunkRef":
        return ChunkRef(hashlib.sha256(data).hexdigest(), len(data))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state at *position*, as the chunks that hold it."""

    position: LogPosition
    mode: ReplicationMode
    scope: Scope
    chunks: tuple[ChunkRef, ...]

    def lacking(self, held: Container[str]) -> tuple[int, ...]:
        """The numbers of the chunks whose hash is not among *held*."""
        return tuple(number for number, ref in enumerate(self.chunks) if ref.hash not in held)

    def encode(self) -> bytes:
        """The bytes that are signed and stored."""
        content = {
            "type": MANIFEST_TYPE,
            "position": position_to_json(self.position),
            "mode": self.mode.value,
            "scope": self.scope.value,
            "chunks": [[ref.hash, ref.size] for ref in self.chunks],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> "Manifest":
        """Read a manifest's bytes.

        Raises:
            Undecodable: they are none.
        """
        fields = decode_object(data, "manifest of a snapshot", FILE)
        if fields.text("type") != MANIFEST_TYPE:
            raise fields.wrong("type", f"not {MANIFEST_TYPE}")
        chunks = (row(each, ("hash", "size"), "chunk") for each in fields.items("chunks"))
        return Manifest(
            position_from_json(fields.object("position")),
            fields.choice("mode", ReplicationMode),
            fields.choice("scope", Scope),
            tuple(ChunkRef(each.text("hash"), each.integer("size")) for each in chunks),
        )


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """The bytes of a snapshot, or of a manifest, and the node that vouches for them."""

    body: bytes
    signer: NodeId
    signature: bytes

    def encode(self) -> bytes:
        return json.dumps(
            {"body": self.body.decode(), "signer": self.signer, "signature": self.signature.hex()}
        ).encode()

    @staticmethod
    def decode(data: bytes) -> "SignedSnapshot":
        """Read a signed snapshot; whether the proof holds is for the caller to check.

        Raises:
            Undecodable: it is none.
        """
        fields = decode_object(data, "signed snapshot", FILE)
        return SignedSnapshot(
            fields.text("body").encode(), NodeId(fields.text("signer")), fields.hex("signature")
        )


def position_to_json(position: LogPosition) -> dict[str, Any]:
    return {
        "log_generation": position.log_generation,
        "revision": position.revision,
        "sequence": position.sequence,
        "epoch": position.epoch,
        "hash": position.hash,
    }


def position_from_json(fields: Fields) -> LogPosition:
    """A position as `position_to_json` wrote it.

    Raises:
        Undecodable: it is none.
    """
    return LogPosition(
        LogGeneration(fields.integer("log_generation")),
        Revision(fields.integer("revision")),
        Sequence(fields.integer("sequence")),
        Epoch(fields.integer("epoch")),
        fields.text("hash"),
    )


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, UNPACKED_BYTES)
    except zlib.error as error:
        raise Undecodable(f"chunk of a snapshot: {error}", reason="bad_syntax") from error
    if not unpacker.eof or unpacker.unused_data:
        raise Undecodable(
            "chunk of a snapshot: it does not end where it should", reason="bad_syntax"
        )
    return text


def _tag(record: Json) -> Json:
    if not isinstance(record, list) or not record:
        raise Undecodable("chunk of a snapshot: a record is no list", reason="bad_shape")
    return record[0]


def _document(record: Json) -> Document:
    fields = row(record, ("tag", "kind", "id", "revision", "body"), "document in a chunk")
    revision = Revision(fields.integer("revision"))
    return Document(fields.text("kind"), fields.text("id"), revision, fields.object("body").members)


def _request(record: Json) -> AnsweredRequest:
    fields = row(record, ("tag", "id", "digest", "revision", "at"), "request in a chunk")
    return AnsweredRequest(
        RequestId(fields.text("id")),
        fields.text("digest"),
        Revision(fields.integer("revision")),
        UnixMillis(fields.integer("at", least=SMALLEST_INTEGER)),
    )
