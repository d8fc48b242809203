"""Snapshots between nodes: offered by a master through the object store, taken by a follower.

A master has two names for each scope and uses them in turn, so that whoever still reads the last
one is not disturbed and nothing is left behind. One that was made for a revision serves everybody
who asks until the next revision.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.replication.core.snapshot import Scope, SignedSnapshot, Snapshot
from services.replication.store import FollowerStore
from shared.clusterlog.log import ClusterLog
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import BadSignature, LogUnavailable, Unavailable
from shared.domain.ids import NodeId, Revision
from shared.domain.log import LogEntry, StoredEntry
from shared.events.replication import OfferSnapshot, SnapshotOffered
from shared.messaging.connection import jetstream_of
from shared.messaging.publisher import Publisher
from shared.messaging.streams import SNAPSHOTS

ASK_SECONDS: Final = 5.0
MOVE_SECONDS: Final = 30.0


@dataclass
class Exchange:
    """One node's way to give and take snapshots."""

    node: NodeId
    key: NodeKey
    trust: TrustStore
    client: Client
    log: ClusterLog
    store: FollowerStore
    publisher: Publisher
    _offers: dict[Scope, SnapshotOffered] = field(default_factory=dict[Scope, SnapshotOffered])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def offer(self, scope: Scope) -> SnapshotOffered:
        """Put a snapshot of what this master has into the object store, if it is not there.

        Raises:
            LogUnavailable: the object store did not take it.
        """
        async with self._turn:
            snapshot = (await self.store.snapshot()).within(scope)
            last = self._offers.get(scope)
            if last is None or (last.revision, last.hash) != _position(snapshot):
                self._offers[scope] = await self._put(snapshot, last)
            return self._offers[scope]

    async def take(self, scope: Scope, at_least: Revision) -> Snapshot:
        """Ask a master for a snapshot and check it.

        Raises:
            Unavailable: no master offered one of *at_least*, or it could not be fetched.
            BadSignature: no known master signed it, or the log does not know its marker.
        """
        offered = await self.publisher.ask(OfferSnapshot(scope=scope), timeout_seconds=ASK_SECONDS)
        assert isinstance(offered, SnapshotOffered), "an offer is answered by its reply type"
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                bucket = await jetstream_of(self.client).object_store(SNAPSHOTS)
                data = (await bucket.get(offered.name)).data or b""
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"the snapshot was not fetched: {error}") from error
        snapshot = await self._checked(data, scope)
        if snapshot.marker.revision < at_least:
            raise Unavailable(f"the snapshot ends at {snapshot.marker.revision}, before {at_least}")
        return snapshot

    async def _put(self, snapshot: Snapshot, last: SnapshotOffered | None) -> SnapshotOffered:
        first, second = (f"{snapshot.scope}-{self.node}-{number}" for number in (1, 2))
        name = second if last is not None and last.name == first else first
        body = snapshot.encode()
        signed = SignedSnapshot(body, self.node, self.key.sign(body))
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                bucket = await jetstream_of(self.client).object_store(SNAPSHOTS)
                await bucket.put(name, signed.encode())
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"the snapshot was not stored: {error}") from error
        marker = snapshot.marker
        return SnapshotOffered(
            name=name,
            log_generation=marker.log_generation,
            revision=marker.revision,
            hash=marker.hash,
        )

    async def _checked(self, data: bytes, scope: Scope) -> Snapshot:
        try:
            signed = SignedSnapshot.decode(data)
            snapshot = Snapshot.decode(signed.body)
        except ValueError as error:
            raise BadSignature(str(error)) from error
        if not self.trust.verify(signed.signer, signed.signature, signed.body):
            raise BadSignature(f"no known master signed the snapshot ({signed.signer})")
        if snapshot.scope is not scope:
            raise BadSignature(f"the snapshot is of scope {snapshot.scope}, not {scope}")
        if not await self._is_on_the_log(snapshot):
            raise BadSignature("the snapshot is of another history than the log")
        return snapshot

    async def _is_on_the_log(self, snapshot: Snapshot) -> bool:
        marker = snapshot.marker
        raw = await self.log.get(marker.sequence) if marker.revision else None
        if raw is None:
            return False
        try:
            stored = StoredEntry.decode(raw.data)
            entry = LogEntry.decode(stored.body)
        except ValueError:
            return False
        return marker == marker.advanced(entry, stored.hash, raw.sequence)


def _position(snapshot: Snapshot) -> tuple[Revision, str]:
    return snapshot.marker.revision, snapshot.marker.hash
