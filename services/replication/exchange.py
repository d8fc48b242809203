"""Snapshots between nodes: offered by a master through the object store, taken by a follower."""

import asyncio
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.replication.core.snapshot import SignedSnapshot, Snapshot
from services.replication.store import FollowerStore
from shared.clusterlog.log import ClusterLog
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.documents import DIRECTORY_KINDS
from shared.domain.errors import BadSignature, LogUnavailable
from shared.domain.ids import NodeId
from shared.domain.log import StoredEntry
from shared.events.replication import OfferSnapshot, SnapshotOffered
from shared.messaging.connection import jetstream_of
from shared.messaging.publisher import Publisher
from shared.messaging.streams import SNAPSHOTS

FULL: Final = "full"
DIRECTORY: Final = "directory"
ASK_SECONDS: Final = 5.0
MOVE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Exchange:
    """One node's way to give and take snapshots."""

    node: NodeId
    key: NodeKey
    trust: TrustStore
    client: Client
    log: ClusterLog
    store: FollowerStore
    publisher: Publisher

    async def offer(self, scope: str) -> SnapshotOffered:
        """Put a fresh snapshot into the object store.

        Raises:
            LogUnavailable: the object store did not take it.
        """
        snapshot = await self.store.snapshot()
        if scope != FULL:
            snapshot = snapshot.only(DIRECTORY_KINDS)
        body = snapshot.encode()
        signed = SignedSnapshot(body, self.node, self.key.sign(body))
        name = f"{scope}-{self.node}"
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

    async def take(self, scope: str) -> Snapshot:
        """Ask a master for a snapshot and check it.

        Raises:
            Unavailable: no master offered one, or it could not be fetched.
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
        return await self._checked(data)

    async def _checked(self, data: bytes) -> Snapshot:
        try:
            signed = SignedSnapshot.decode(data)
            snapshot = Snapshot.decode(signed.body)
        except ValueError as error:
            raise BadSignature(str(error)) from error
        if not self.trust.verify(signed.signer, signed.signature, signed.body):
            raise BadSignature(f"no known master signed the snapshot ({signed.signer})")
        raw = await self.log.get(snapshot.marker.sequence)
        if raw is None or StoredEntry.decode(raw.data).hash != snapshot.marker.hash:
            raise BadSignature("the snapshot is of another history than the log")
        return snapshot
