"""Encodes a snapshot in one piece: the state at one position, as bytes that a node signs.

`full` holds every document and the answered requests (for masters); `directory` the site and its
nodes only (for traffic nodes). A traffic node keeps its copy like this in a file. Between nodes a
snapshot travels in chunks (`shared.domain.snapshot`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from shared.decoding.fields import Fields, decode_object, row
from shared.decoding.jsontext import FILE, SMALLEST_INTEGER, Json
from shared.documents import DIRECTORY_KINDS
from shared.domain.document import Document
from shared.domain.ids import RequestId, Revision, UnixMillis
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import Chunk, Scope, position_from_json, position_to_json

KIND: Final = "meridian/snapshot/v1"


class Content(Protocol):
    """A state that a store can load, however it came here."""

    @property
    def position(self) -> LogPosition: ...
    @property
    def mode(self) -> ReplicationMode: ...
    @property
    def scope(self) -> Scope: ...
    def chunks(self) -> Iterator[Chunk]: ...


def kinds_of(scope: Scope) -> tuple[str, ...]:
    """Return the kinds of the documents in *scope*; none stands for all."""
    return DIRECTORY_KINDS if scope is Scope.DIRECTORY else ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at *position*; *requests* are (id, digest, revision, Unix ms)."""

    position: LogPosition
    mode: ReplicationMode
    documents: tuple[Document, ...]
    requests: tuple[AnsweredRequest, ...] = ()
    scope: Scope = Scope.FULL

    def chunks(self) -> Iterator[Chunk]:
        """Give all of it at once."""
        yield Chunk(self.documents, self.requests)

    def encode(self) -> bytes:
        """Encode the bytes that are signed and stored."""
        content = {
            "type": KIND,
            "position": position_to_json(self.position),
            "mode": self.mode.value,
            "scope": self.scope.value,
            "documents": [
                {"kind": each.kind, "id": each.id, "revision": each.revision, "body": each.body}
                for each in self.documents
            ],
            "requests": self.requests,
        }
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()

    @staticmethod
    def decode(data: bytes) -> "Snapshot":
        """Read a snapshot's bytes.

        Raises:
            Undecodable: they are no snapshot.
        """
        content = decode_object(data, "snapshot", FILE)
        if content.text("type") != KIND:
            raise content.wrong("type", f"not {KIND}")
        return Snapshot(
            position=position_from_json(content.object("position")),
            mode=content.choice("mode", ReplicationMode),
            documents=tuple(_document(each) for each in content.objects("documents")),
            requests=tuple(_request(each) for each in content.items("requests")),
            scope=content.choice("scope", Scope),
        )

    def within(self, scope: Scope) -> "Snapshot":
        """Return as much of the snapshot as *scope* allows."""
        if scope is Scope.FULL:
            return self
        kept = tuple(each for each in self.documents if each.kind in kinds_of(scope))
        return Snapshot(self.position, self.mode, kept, scope=scope)


def _document(fields: Fields) -> Document:
    revision = Revision(fields.integer("revision"))
    return Document(fields.text("kind"), fields.text("id"), revision, fields.object("body").members)


def _request(record: Json) -> AnsweredRequest:
    fields = row(record, ("id", "digest", "revision", "at"), "request of a snapshot")
    return AnsweredRequest(
        RequestId(fields.text("id")),
        fields.text("digest"),
        Revision(fields.integer("revision")),
        UnixMillis(fields.integer("at", least=SMALLEST_INTEGER)),
    )
