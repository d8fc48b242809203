"""Applies the messages of the log to the replica: checks each, applies it or skips it."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.replication.core.follower import Apply, Fetch, Follower, Known, Skip
from services.replication.core.snapshot import Content
from services.replication.replica.store import FollowerStore
from shared.clusterlog.log import ClusterLog, RawEntry, verify
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.domain.document import Document
from shared.domain.errors import BadSignature, LogUnavailable, StoreUnavailable
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, LogPosition, Op, StoredEntry
from shared.domain.node import NodeRole
from shared.messaging.events import EventPublisher
from shared.messaging.rejections import UNKNOWN, Rejections


class LogShortened(LogUnavailable):
    """A message that has to be read is not in the log any more; a snapshot is needed."""

    code = "log_shortened"


@dataclass
class Applier:
    """Applies messages to the replica; *follower* is None until the replica's position was read."""

    node: NodeId
    store: FollowerStore
    log: ClusterLog
    trust: TrustStore
    events: EventPublisher
    rejections: Rejections
    follower: Follower | None = None
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    async def begin(self) -> Follower:
        """Give the follower at the replica's position; on the primary config may have moved it.

        Raises:
            StoreUnavailable: the replica cannot be read, or belongs to no cluster.
        """
        position = await self.store.position()
        if position is None:
            raise StoreUnavailable("this database belongs to no site yet: init or join it first")
        if self.follower is None or self.follower.position != position:
            self._learn_nodes(await self.store.nodes())
            self._stand_at(position)
        return self._ready()

    def enter(self, generation: LogGeneration) -> None:
        """Go on in a later generation of the log, from its first message."""
        self._log.info("the log goes on with generation %d", generation)
        self.log = self.log.of(generation)
        self.follower = Follower(self._ready().position, generation)

    def log_of(self, position: LogPosition) -> ClusterLog:
        """Give the log of the generation that *position* belongs to."""
        is_same = position.log_generation == self.log.generation
        return self.log if is_same else self.log.of(position.log_generation)

    async def load(self, snapshot: Content) -> None:
        """Replace the replica by *snapshot*, which was checked."""
        await self.store.load(snapshot)
        self._learn_nodes(await self.store.nodes())
        self._stand_at(snapshot.position)
        self._log.info("began from a snapshot at revision %d", snapshot.position.revision)

    async def read_to(self, end: Sequence) -> None:
        """Read every message up to *end* by message get.

        Raises:
            LogShortened: one of them is not there.
            Unavailable: the log or the store did not answer.
        """
        follower = self._ready()
        while follower.read_to < end:
            number = Sequence(follower.read_to + 1)
            raw = await self.log.get(number)
            if raw is None:
                raise LogShortened(f"message {number} is not in the log any more")
            await self.fetch(raw)

    async def fetch(self, raw: RawEntry) -> None:
        """Apply or skip one message; messages that were missed before it are fetched first."""
        follower, stored = self._ready(), decode_stored(raw)
        proven = stored is not None and verify(stored, self.trust)
        match follower.judge(raw.sequence, stored, proven=proven):
            case Fetch():
                await self.read_to(raw.sequence)
            case Skip(reason, signer):
                follower.record_read(raw.sequence)
                self._report_skipped(raw.sequence, reason, signer if proven else UNKNOWN)
            case Apply(stored, entry):
                await self.store.apply(stored, raw.sequence)
                # On the primary, config may have moved the replica further than this message.
                follower.record_applied(LogPosition.of(entry, stored.hash, raw.sequence))
                follower.record_read(raw.sequence)
                self._learn(entry)
            case Known():
                pass

    def _stand_at(self, position: LogPosition) -> None:
        """Follow the log from *position*, in the generation of *position*."""
        self.log, self.follower = self.log_of(position), Follower(position)

    def _ready(self) -> Follower:
        assert self.follower is not None, "the replica is read before the log"
        return self.follower

    def _report_skipped(self, sequence: Sequence, reason: str, sender: str) -> None:
        sentence = f"message {sequence} of the log is skipped: {reason}"
        self.rejections.record(BadSignature(sentence, reason="log_entry_skipped"), sender)

    def _learn(self, entry: LogEntry) -> None:
        for change in entry.changes:
            if change.kind == Kind.NODE and change.op is Op.PUT and change.body:
                self._learn_master(change.id, change.body)

    def _learn_nodes(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._learn_master(document.id, document.body)

    def _learn_master(self, node: str, body: Mapping[str, Any]) -> None:
        key = body.get("public_key")
        if body.get("role") == NodeRole.MASTER and isinstance(key, str) and key:
            self.trust.learn(NodeId(node), key)


def decode_stored(raw: RawEntry) -> StoredEntry | None:
    """Decode the entry in *raw*; None when it is no entry."""
    try:
        return StoredEntry.decode(raw.data)
    except Undecodable:
        return None
