"""Entries as a primary writes them: chained, hashed and signed, one after the other."""

from dataclasses import dataclass, field, replace
from typing import Any

from shared.clusterlog.log import ClusterLog
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.ids import (
    ClusterId,
    Epoch,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    EMPTY_HASH,
    Change,
    LogEntry,
    LogPosition,
    Op,
    StoredEntry,
    entry_hash,
    signed_bytes,
)

GENERATION = LogGeneration(1)
CLUSTER = ClusterId("0123456789abcdef")
ALPHA = NodeId("alpha")


def put(kind: str, id_: str, body: dict[str, Any], request: str = "") -> Change:
    return Change(kind, id_, Op.PUT, body, "rita", RequestId(request), f"digest of {request}")


def delete(kind: str, id_: str) -> Change:
    return Change(kind, id_, Op.DELETE, None, "rita", RequestId(""), "")


def control(op: Op, body: dict[str, Any]) -> Change:
    return Change("cluster", "cluster", op, body, "alpha", RequestId(""), "")


def node(role: str = "traffic", public_key: str = "") -> dict[str, Any]:
    return {"role": role, "public_key": public_key}


@dataclass
class EntryWriter:
    """Writes entries that follow one another; *position* is where they end."""

    key: NodeKey = field(default_factory=NodeKey.generate)
    signer: NodeId = ALPHA
    position: LogPosition = field(
        default_factory=lambda: LogPosition(
            GENERATION, Revision(0), Sequence(0), Epoch(0), EMPTY_HASH
        )
    )

    def trust(self) -> TrustStore:
        return TrustStore(CLUSTER, GENERATION, {self.signer: self.key.public_b64})

    def write(self, *changes: Change, epoch: int | None = None) -> StoredEntry:
        """The next entry, which the one after will follow."""
        stored = self.draft(*changes, epoch=epoch)
        entry = LogEntry.decode(stored.body)
        sequence = Sequence(self.position.sequence + 1)
        self.position = LogPosition.of(entry, stored.hash, sequence)
        return stored

    def begin(self, generation: int) -> StoredEntry:
        """The first entry of a later generation of the log, which goes on from here."""
        before = self.position
        self.position = replace(
            before, log_generation=LogGeneration(generation), sequence=Sequence(0)
        )
        place = {"revision": before.revision, "hash": before.hash, "epoch": before.epoch}
        return self.write(control(Op.GENERATION_BEGAN, place))

    def draft(self, *changes: Change, epoch: int | None = None) -> StoredEntry:
        """The next entry, and nothing comes of it."""
        entry = LogEntry(
            log_generation=self.position.log_generation,
            revision=Revision(self.position.revision + 1),
            epoch=self.position.epoch if epoch is None else Epoch(epoch),
            changes=changes,
            at=UnixMillis(1_000),
            previous_hash=self.position.hash,
        )
        return self.sign(entry.encode())

    def sign(self, body: bytes) -> StoredEntry:
        digest = entry_hash(body)
        return StoredEntry(body, digest, self.signer, self.key.sign(signed_bytes(digest)))

    def skip(self) -> None:
        """A message that is no entry of this history came in between."""
        position = self.position
        self.position = LogPosition(
            *(position.log_generation, position.revision, Sequence(position.sequence + 1)),
            *(position.epoch, position.hash),
        )


async def append_entries(
    log: ClusterLog, entry_writer: EntryWriter, *names: str
) -> list[StoredEntry]:
    """Append one entry for each name."""
    written: list[StoredEntry] = []
    for name in names:
        end = entry_writer.position.sequence
        written.append(entry_writer.write(put("node", name, node())))
        assert await log.append(written[-1], end) == end + 1
    return written
