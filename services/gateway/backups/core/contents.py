"""Decides what frames a backup consists of, and whether they are whole.

Each frame begins with one letter: `M` the signed manifest, `C` its chunks in their order, `K` the
open conflicts of the masters, in parts, `P` what only the site's secret could open (password
hashes, in a backup by passphrase), `E` the end. A backup is valid only as a whole: it has exactly
the chunks that the manifest names. A backup without conflicts is whole too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.gateway.core.open_conflict import OpenConflict
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.decoding.jsontext import FILE
from shared.domain.document import Document, Ref
from shared.domain.errors import BackupDamaged, BackupTooNew
from shared.domain.snapshot import Chunk, ChunkRef, Manifest, SignedSnapshot

MANIFEST: Final = b"M"
CHUNK: Final = b"C"
CONFLICT: Final = b"K"
PASSWORDS: Final = b"P"
END: Final = b"E"
PASSWORDS_IN_A_FRAME: Final = 5_000


def password_frames(passwords: dict[str, str]) -> list[bytes]:
    """Make the frames of users' password hashes, as many in a frame as fit well."""
    items = sorted(passwords.items())
    return [
        PASSWORDS + json.dumps(dict(items[start : start + PASSWORDS_IN_A_FRAME])).encode()
        for start in range(0, len(items), PASSWORDS_IN_A_FRAME)
    ]


def conflict_frame(line: Mapping[str, Any], bundle: str) -> bytes:
    """Make a frame of an open conflict: its description and some of its entries."""
    return CONFLICT + json.dumps({"line": line, "bundle": bundle}).encode()


def with_own_keys(
    bodies: Mapping[Ref, dict[str, Any]], here: Mapping[Ref, Mapping[str, Any]]
) -> dict[Ref, dict[str, Any]]:
    """Return *bodies* without the keys of nodes that are *here*: an apply keeps theirs."""
    return {
        ref: {name: value for name, value in body.items() if name != "public_key"}
        if ref.kind == "node" and ref in here
        else body
        for ref, body in bodies.items()
    }


@dataclass
class Contents:
    """A backup's content, as far as it was read."""

    manifest: Manifest | None = None
    documents: list[Document] = field(default_factory=list[Document])
    requests: int = 0
    passwords: dict[str, str] = field(default_factory=dict[str, str])
    conflicts: dict[str, OpenConflict] = field(default_factory=dict[str, OpenConflict])
    is_ended: bool = False
    _chunks: int = 0

    def add_frame(self, frame: bytes) -> None:
        """Add the next frame.

        Raises:
            BackupDamaged: it is not the one that comes next.
            BackupTooNew: a later release wrote it.
        """
        kind, content = frame[:1], frame[1:]
        if self.is_ended or (self.manifest is None) != (kind == MANIFEST):
            raise BackupDamaged("the parts of the backup are not in their order")
        try:
            self._add(kind, content)
        except Undecodable as error:
            raise BackupTooNew(f"this release cannot read the backup: {error}") from error

    def require_whole(self) -> Manifest:
        """Return the manifest, once everything that it names was added.

        Raises:
            BackupDamaged: something is missing.
        """
        if self.manifest is None or not self.is_ended or self._chunks < len(self.manifest.chunks):
            raise BackupDamaged("the backup does not hold all that its manifest names")
        return self.manifest

    def bodies(self) -> list[tuple[Document, dict[str, Any]]]:
        """Yield each document with its body; users' with the hash that came beside them, if any."""
        return [(each, self._body(each)) for each in self.documents]

    def _add(self, kind: bytes, content: bytes) -> None:
        if kind == MANIFEST:
            self.manifest = Manifest.decode(SignedSnapshot.decode(content).body)
        elif kind == CHUNK:
            self._add_chunk(content)
        elif kind == CONFLICT:
            self._add_conflict(decode_object(content, "conflict", FILE))
        elif kind == PASSWORDS:
            self._add_passwords(decode_object(content, "passwords", FILE))
        elif kind == END:
            self.is_ended = True
        else:
            raise Undecodable(f"it has a part {kind!r}", reason="bad_shape")

    def _add_chunk(self, data: bytes) -> None:
        assert self.manifest is not None, "it comes first"
        refs = self.manifest.chunks
        if self._chunks >= len(refs) or ChunkRef.of(data) != refs[self._chunks]:
            raise BackupDamaged(f"chunk {self._chunks} is not the one that the manifest names")
        chunk = Chunk.decode(data)
        self.documents += chunk.documents
        self.requests += len(chunk.requests)
        self._chunks += 1

    def _add_passwords(self, part: Fields) -> None:
        self.passwords.update({user: part.text(user) for user in part.members})

    def _add_conflict(self, part: Fields) -> None:
        line = part.object("line")
        fresh = OpenConflict(part.object("line").members, [])
        kept = self.conflicts.setdefault(line.text("id"), fresh)
        kept.bundles.append(part.text("bundle"))

    def _body(self, document: Document) -> dict[str, Any]:
        hash_ = self.passwords.get(document.id) if document.kind == "user" else None
        return document.body if hash_ is None else {**document.body, "password_hash": hash_}
