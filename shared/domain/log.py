"""The cluster log's entry, its hash chain, and the position of a reader in it.

Every change of master state is an entry of one ordered log, and nothing else changes it.
An entry names the hash of the one before, so equal hashes at a revision prove equal histories.
Hash and signature cover the entry's bytes *as stored*: a reader checks those bytes and parses
them afterwards, and no entry is serialised a second time.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from shared.decoding.fields import Fields, decode_object
from shared.decoding.jsontext import SMALLEST_INTEGER
from shared.domain.ids import (
    Epoch,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)

ENTRY_TYPE: Final = "meridian/log-entry/v1"
ENTRY_LIMIT_BYTES: Final = 512 * 1024
"""Largest entry: half of the broker's 1 MiB message, so that headers and quoting always fit."""

EMPTY_HASH: Final = "0" * 64
"""Hash before the first entry."""

REVISIONS_OF_A_BUCKET: Final = 2**40
"""How far apart the lease's revisions begin in the buckets of two generations.

More than are written while a generation of the log lasts: four a second for 8,000 years.
"""


class Op(StrEnum):
    """The action of one change of an entry."""

    PUT = "put"
    DELETE = "delete"
    EPOCH_BEGAN = "epoch_began"
    MODE_CHANGED = "mode_changed"
    GENERATION_BEGAN = "generation_began"


SETTING_MODE: Final = frozenset({Op.EPOCH_BEGAN, Op.MODE_CHANGED})
"""The ops whose body may set the replication mode."""

CONTROL_KIND: Final = "cluster"
"""The *kind* of changes of the cluster itself, which change no document."""


class ReplicationMode(StrEnum):
    """Says whether an acknowledgement waits for the backup, or the backup is detached."""

    SYNCHRONOUS = "synchronous"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one document (or of the cluster itself), as the log keeps it."""

    kind: str
    id: str
    op: Op
    body: dict[str, Any] | None
    author: str
    request_id: RequestId
    request_digest: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """The decision of a primary at one revision."""

    log_generation: LogGeneration
    revision: Revision
    epoch: Epoch
    changes: tuple[Change, ...]
    at: UnixMillis
    previous_hash: str

    def encode(self) -> bytes:
        """The bytes that are hashed, signed and stored: JSON, sorted keys, no spaces, UTF-8."""
        document = {
            "log_generation": self.log_generation,
            "revision": self.revision,
            "epoch": self.epoch,
            "changes": [_change_to_json(change) for change in self.changes],
            "at": self.at,
            "previous_hash": self.previous_hash,
        }
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()

    @staticmethod
    def decode(body: bytes) -> "LogEntry":
        """Read an entry's stored bytes.

        Raises:
            Undecodable: the bytes are no entry.
        """
        entry = decode_object(body, "log entry")
        return LogEntry(
            log_generation=LogGeneration(entry.integer("log_generation")),
            revision=Revision(entry.integer("revision")),
            epoch=Epoch(entry.integer("epoch")),
            changes=tuple(_change_from_json(each) for each in entry.objects("changes")),
            at=UnixMillis(entry.integer("at", least=SMALLEST_INTEGER)),
            previous_hash=entry.text("previous_hash"),
        )

    @property
    def begins_epoch(self) -> bool:
        return any(change.op is Op.EPOCH_BEGAN for change in self.changes)

    @property
    def begins_generation(self) -> bool:
        return any(change.op is Op.GENERATION_BEGAN for change in self.changes)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with the proof of who wrote it: the unit that the log stores and copies."""

    body: bytes
    hash: str
    signer: NodeId
    signature: bytes

    def encode(self) -> bytes:
        """The message in the log: one JSON object, the body as text within it."""
        return json.dumps(
            {
                "type": ENTRY_TYPE,
                "body": self.body.decode(),
                "hash": self.hash,
                "signer": self.signer,
                "signature": self.signature.hex(),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()

    @staticmethod
    def decode(message: bytes) -> "StoredEntry":
        """Read a message of the log; whether the proof holds is for the caller to check.

        Raises:
            Undecodable: the bytes are no stored entry, or the hash is not the body's.
        """
        fields = decode_object(message, "stored log entry")
        if fields.text("type") != ENTRY_TYPE:
            raise fields.wrong("type", f"not {ENTRY_TYPE}")
        stored = StoredEntry(
            body=fields.text("body").encode(),
            hash=fields.text("hash"),
            signer=NodeId(fields.text("signer")),
            signature=fields.hex("signature"),
        )
        if stored.hash != entry_hash(stored.body):
            raise fields.wrong("hash", "not that of the body")
        return stored


class LogPlace(NamedTuple):
    """The name of an entry: its log generation and revision; the larger one is the later."""

    log_generation: LogGeneration
    revision: Revision


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The last entry that a copy or a reader has: how far it is, and on which history.

    *sequence* is the number of its message in the stream of that generation.
    """

    log_generation: LogGeneration
    revision: Revision
    sequence: Sequence
    epoch: Epoch
    hash: str

    @property
    def place(self) -> LogPlace:
        return LogPlace(self.log_generation, self.revision)

    @staticmethod
    def of(entry: LogEntry, digest: str, sequence: Sequence) -> "LogPosition":
        """The position of *entry*, whose hash is *digest*, in the log at *sequence*."""
        return LogPosition(entry.log_generation, entry.revision, sequence, entry.epoch, digest)


def empty_position(log_generation: LogGeneration) -> LogPosition:
    """Return the position of a new copy before it has read anything of that generation."""
    return LogPosition(log_generation, Revision(0), Sequence(0), Epoch(0), EMPTY_HASH)


def entry_hash(body: bytes) -> str:
    """Return SHA-256 of an entry's stored bytes, which name the previous hash; 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def signed_bytes(digest: str) -> bytes:
    """Return what a master signs for an entry: its hash, under a name that fits nothing else."""
    return f"{ENTRY_TYPE}\n{digest}".encode()


def follows(position: LogPosition, entry: LogEntry) -> str | None:
    """Say why *entry* is not the next one after *position*; None when it is.

    An entry of an older epoch, of another chain or a repeated revision is not the next one; only
    an entry that begins an epoch may raise it, and only one that begins a generation of the log
    leads from an earlier generation into it.
    """
    if entry.log_generation != position.log_generation and not _leads_on(position, entry):
        return f"log generation {entry.log_generation}, not {position.log_generation}"
    if entry.revision != position.revision + 1:
        return f"revision {entry.revision}, not {position.revision + 1}"
    if entry.previous_hash != position.hash:
        return "another history: the previous hash differs"
    if entry.begins_epoch:
        if entry.epoch <= position.epoch:
            return f"epoch {entry.epoch} does not begin after {position.epoch}"
    elif entry.epoch != position.epoch:
        return f"epoch {entry.epoch}, not {position.epoch}"
    return None


class Entrance(StrEnum):
    """The way of a copy of an earlier generation of the log into a later one."""

    GOES_ON = "goes_on"
    BEHIND = "behind"
    DIVERGED = "diverged"


def entrance(position: LogPosition, first: LogEntry) -> Entrance:
    """Find the way of a copy at *position* into the generation that *first* begins.

    It goes on from the very entry where the generation begins. One that is behind lacks entries
    that are in no log any more, so it takes a snapshot; any other one is of another history.
    """
    if follows(position, first) is None:
        return Entrance.GOES_ON
    return Entrance.BEHIND if position.revision + 1 < first.revision else Entrance.DIVERGED


def mode_after(mode: ReplicationMode, changes: Iterable[Change]) -> ReplicationMode:
    """The mode after *changes*; the beginning of an epoch may set it too."""
    for change in changes:
        new_mode = (change.body or {}).get("mode")
        if change.op in SETTING_MODE and new_mode:
            mode = ReplicationMode(new_mode)
    return mode


def _leads_on(position: LogPosition, entry: LogEntry) -> bool:
    return entry.begins_generation and entry.log_generation > position.log_generation


def _change_to_json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "id": change.id,
        "op": change.op.value,
        "body": change.body,
        "author": change.author,
        "request_id": change.request_id,
        "request_digest": change.request_digest,
    }


def _change_from_json(fields: Fields) -> Change:
    op = fields.choice("op", Op)
    if op in SETTING_MODE and "body" in fields and "mode" in fields.object("body"):
        fields.object("body").choice("mode", ReplicationMode)
    return Change(
        kind=fields.text("kind"),
        id=fields.text("id"),
        op=op,
        body=fields.object("body").members if "body" in fields else None,
        author=fields.text("author"),
        request_id=RequestId(fields.text("request_id")),
        request_digest=fields.text("request_digest"),
    )
