"""A snapshot in one piece: the state at one marker, as bytes that a node signs.

`full` holds every document and the answered requests (for masters); `directory` the site and its
nodes only (for traffic nodes). A traffic node keeps its copy like this in a file, and followers of
a release that knows no chunks are given one. A reader trusts what another node offers when a known
master signed these very bytes, the scope is the one that it needs (or a master would forget its
users) and the log has the marker's hash at the marker's sequence.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from shared.documents import DIRECTORY_KINDS
from shared.domain.ids import Revision
from shared.domain.log import Marker, ReplicationMode
from shared.domain.snapshot import (
    Answered,
    Chunk,
    Scope,
    SnapshotDocument,
    marker_from_json,
    marker_to_json,
)

KIND: Final = "meridian/snapshot/v1"


class Content(Protocol):
    """A state that a store can load, however it came here."""

    @property
    def marker(self) -> Marker: ...
    @property
    def mode(self) -> ReplicationMode: ...
    @property
    def scope(self) -> Scope: ...
    def chunks(self) -> Iterator[Chunk]: ...


def kinds_of(scope: Scope) -> tuple[str, ...]:
    """The kinds of the documents in *scope*; none stands for all."""
    return DIRECTORY_KINDS if scope is Scope.DIRECTORY else ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at *marker*; *requests* are (id, digest, revision, Unix ms)."""

    marker: Marker
    mode: ReplicationMode
    documents: tuple[SnapshotDocument, ...]
    requests: tuple[Answered, ...] = ()
    scope: Scope = Scope.FULL

    def chunks(self) -> Iterator[Chunk]:
        """All of it at once."""
        yield Chunk(self.documents, self.requests)

    def encode(self) -> bytes:
        """The bytes that are signed and stored."""
        content = {
            "type": KIND,
            "marker": marker_to_json(self.marker),
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
            ValueError: they are no snapshot.
        """
        try:
            content = json.loads(data)
            kind = content["type"]
            snapshot = Snapshot(
                marker=marker_from_json(content["marker"]),
                mode=ReplicationMode(content["mode"]),
                documents=tuple(
                    SnapshotDocument(
                        str(each["kind"]), str(each["id"]), Revision(each["revision"]), each["body"]
                    )
                    for each in content["documents"]
                ),
                requests=tuple(
                    (str(id_), str(digest), int(revision), int(at))
                    for id_, digest, revision, at in content["requests"]
                ),
                scope=Scope(content["scope"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no snapshot: {error}") from error
        if kind != KIND:
            raise ValueError(f"no snapshot: its type is {kind!r}")
        return snapshot

    def within(self, scope: Scope) -> "Snapshot":
        """As much of it as *scope* allows."""
        if scope is Scope.FULL:
            return self
        kept = tuple(each for each in self.documents if each.kind in kinds_of(scope))
        return Snapshot(self.marker, self.mode, kept, scope=scope)
