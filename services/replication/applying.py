"""What becomes of each message of the log: judged, then applied and learned from, or skipped."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.replication.core.follower import Apply, Fetch, Follower, Known, Skip
from services.replication.core.snapshot import Content
from services.replication.store import FollowerStore
from shared.clusterlog.log import ClusterLog, RawEntry, verify
from shared.crypto.nodekeys import TrustStore
from shared.decoding.errors import Undecodable
from shared.documents import Kind
from shared.domain.errors import BadSignature, LogUnavailable, StoreUnavailable
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, Marker, Op, StoredEntry
from shared.domain.node import NodeRole
from shared.domain.snapshot import SnapshotDocument
from shared.messaging.events import EventPublisher
from shared.messaging.rejections import UNKNOWN, Rejections


class LogShortened(LogUnavailable):
    """A message that has to be read is not in the log any more; a snapshot is needed."""

    code = "log_shortened"


@dataclass
class Applier:
    """Brings the copy on; *follower* is None until the copy's marker was read."""

    node: NodeId
    store: FollowerStore
    log: ClusterLog
    trust: TrustStore
    events: EventPublisher
    rejections: Rejections
    follower: Follower | None = None
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    async def begin(self) -> Follower:
        """The follower of the copy as it is: on the primary, config may have moved it.

        Raises:
            StoreUnavailable: the copy cannot be read, or belongs to no cluster.
        """
        marker = await self.store.marker()
        if marker is None:
            raise StoreUnavailable("this database belongs to no site yet: init or join it first")
        if self.follower is None or self.follower.marker != marker:
            self._learn_nodes(await self.store.nodes())
            self._stand_at(marker)
        return self._ready()

    def enter(self, generation: LogGeneration) -> None:
        """Go on with a later generation of the log, from its first message."""
        self._log.info("the log goes on with generation %d", generation)
        self.log = self.log.of(generation)
        self.follower = Follower(self._ready().marker, generation)

    def log_of(self, marker: Marker) -> ClusterLog:
        """The generation of the log that a copy at *marker* is of."""
        is_same = marker.log_generation == self.log.generation
        return self.log if is_same else self.log.of(marker.log_generation)

    async def load(self, snapshot: Content) -> None:
        """Begin from *snapshot*, which was checked."""
        await self.store.load(snapshot)
        self._learn_nodes(await self.store.nodes())
        self._stand_at(snapshot.marker)
        self._log.info("began from a snapshot at revision %d", snapshot.marker.revision)

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
            await self.take(raw)

    async def take(self, raw: RawEntry) -> None:
        """Deal with one message; what was missed before it is fetched first."""
        follower, stored = self._ready(), stored_in(raw)
        proven = stored is not None and verify(stored, self.trust)
        match follower.judge(raw.sequence, stored, proven=proven):
            case Fetch():
                await self.read_to(raw.sequence)
            case Skip(reason, signer):
                follower.passed(raw.sequence)
                self._report_skipped(raw.sequence, reason, signer if proven else UNKNOWN)
            case Apply(stored, entry):
                await self.store.apply(stored, raw.sequence)
                # By what was read: on the primary the copy may be further already, by config.
                follower.applied(follower.marker.advanced(entry, stored.hash, raw.sequence))
                follower.passed(raw.sequence)
                self._learn(entry)
            case Known():
                pass

    def _stand_at(self, marker: Marker) -> None:
        """The copy is at *marker*, which says what generation of the log it reads on."""
        self.log, self.follower = self.log_of(marker), Follower(marker)

    def _ready(self) -> Follower:
        assert self.follower is not None, "the copy was read before the log is"
        return self.follower

    def _report_skipped(self, sequence: Sequence, reason: str, sender: str) -> None:
        sentence = f"message {sequence} of the log is skipped: {reason}"
        self.rejections.record(BadSignature(sentence, reason="log_entry_skipped"), sender)

    def _learn(self, entry: LogEntry) -> None:
        for change in entry.changes:
            if change.kind == Kind.NODE and change.op is Op.PUT and change.body:
                self._learn_master(change.id, change.body)

    def _learn_nodes(self, documents: Iterable[SnapshotDocument]) -> None:
        for document in documents:
            self._learn_master(document.id, document.body)

    def _learn_master(self, node: str, body: Mapping[str, Any]) -> None:
        key = body.get("public_key")
        if body.get("role") == NodeRole.MASTER and isinstance(key, str) and key:
            self.trust.learn(NodeId(node), key)


def stored_in(raw: RawEntry) -> StoredEntry | None:
    """The entry in *raw*; None when it is none."""
    try:
        return StoredEntry.decode(raw.data)
    except Undecodable:
        return None
