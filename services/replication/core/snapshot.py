"""A snapshot: the state at one marker, as bytes that a master signs.

`full` holds every document and the answered requests (for masters); `directory` the site and its
nodes only (for traffic nodes). A reader trusts it when a known master signed these very bytes, the
scope is the one that it needs (or a master would forget its users) and the log has the marker's
hash at the marker's sequence.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from shared.documents import DIRECTORY_KINDS
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.domain.log import Marker, ReplicationMode

KIND: Final = "meridian/snapshot/v1"


class Scope(StrEnum):
    """How much of the state a copy holds."""

    FULL = "full"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class SnapshotDocument:
    """A document and the revision that made it so."""

    kind: str
    id: str
    revision: Revision
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at *marker*; *requests* are (id, digest, revision, Unix ms)."""

    marker: Marker
    mode: ReplicationMode
    documents: tuple[SnapshotDocument, ...]
    requests: tuple[tuple[str, str, int, int], ...] = ()
    scope: Scope = Scope.FULL

    def encode(self) -> bytes:
        """The bytes that are signed and stored."""
        marker = self.marker
        content = {
            "type": KIND,
            "marker": {
                "log_generation": marker.log_generation,
                "revision": marker.revision,
                "sequence": marker.sequence,
                "epoch": marker.epoch,
                "hash": marker.hash,
            },
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
            kind, marker = content["type"], content["marker"]
            snapshot = Snapshot(
                marker=Marker(
                    LogGeneration(int(marker["log_generation"])),
                    Revision(int(marker["revision"])),
                    Sequence(int(marker["sequence"])),
                    Epoch(int(marker["epoch"])),
                    str(marker["hash"]),
                ),
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
        kept = tuple(each for each in self.documents if each.kind in DIRECTORY_KINDS)
        return Snapshot(self.marker, self.mode, kept, scope=scope)


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """A snapshot's bytes and the node that vouches for them."""

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
            ValueError: it is none.
        """
        try:
            content = json.loads(data)
            return SignedSnapshot(
                str(content["body"]).encode(),
                NodeId(str(content["signer"])),
                bytes.fromhex(content["signature"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no signed snapshot: {error}") from error
