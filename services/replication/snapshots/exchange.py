"""Offers and fetches snapshots of the configuration through the object store.

A master uses two names for each scope in turn, so that a follower that still reads the last
snapshot is not disturbed and nothing is left behind. A snapshot that was made for a revision serves
every request until the next revision. A follower caches every chunk that it has checked and fetches
only those that it lacks. A chunk that differs from what the master signed is fetched again, then
taken from the next snapshot on offer.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from nats.aio.client import Client

from services.replication.core.snapshot import Content
from services.replication.replica.store import FollowerStore
from services.replication.snapshots.chunk_cache import CachedSnapshot, ChunkCache
from shared.clusterlog.log import ClusterLog
from shared.clusterlog.snapshots import SnapshotMissing, SnapshotStore, chunk_name
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature, BrokenChunk, Unavailable
from shared.domain.ids import NodeId, Revision
from shared.domain.log import LogEntry, LogPosition, StoredEntry
from shared.domain.snapshot import ChunkRef, Cutter, Manifest, Scope, SignedSnapshot
from shared.events.replication import OfferSnapshot, SnapshotOffered
from shared.messaging.publisher import Publisher

ASK_SECONDS: Final = 5.0

FETCHES: Final = 2
OFFERS: Final = 3
"""A chunk is fetched and an offer is used so often before the follower gives up."""


@dataclass
class SnapshotExchange:
    """Offers this node's snapshots and fetches those of others."""

    node: NodeId
    key: NodeKey
    trust: TrustStore
    client: Client
    log: ClusterLog
    store: FollowerStore
    publisher: Publisher
    cache: ChunkCache
    _offers: dict[Scope, SnapshotOffered] = field(default_factory=dict[Scope, SnapshotOffered])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    @property
    def _snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.client)

    async def offer(self, scope: Scope) -> SnapshotOffered:
        """Put a snapshot of this master's replica into the object store, if it is not there.

        Requests that arrive while a snapshot is made get that snapshot: a large one takes longer
        than a requester waits, and must not be made again for each request.

        Raises:
            LogUnavailable: the object store did not take it.
            StoreUnavailable: the replica cannot be read.
        """
        known = self._offers.get(scope)
        async with self._turn:
            last, position = self._offers.get(scope), await self.store.position()
            if last is not None and (last is not known or _position(last) == _position(position)):
                return last
            offered = await self._put_chunks(self._next_name(scope, last), scope)
            self._offers[scope] = offered
            return offered

    async def fetch(self, scope: Scope, at_least: Revision) -> Content:
        """Ask a master for a snapshot, fetch what of it is not here, and check it.

        Raises:
            Unavailable: no master offered one of *at_least*, or it could not be fetched; the chunks
                that were fetched stay in the cache.
            BrokenChunk: no offer's chunks were what their master had signed.
            BadSignature: no known master signed it, or the log does not know its position.
        """
        broken = BrokenChunk("there is no chunk")
        for _ in range(OFFERS):
            offered = await self.publisher.ask(
                OfferSnapshot(scope=scope), timeout_seconds=ASK_SECONDS
            )
            try:
                return await self._fetch(offered, scope, at_least)
            except BrokenChunk as error:
                self._log.warning("%s", error.message)
                broken = error
        raise broken

    def discard_chunks(self) -> None:
        """Empty the cache, once the snapshot is in the store."""
        self.cache.clear()

    async def _fetch(self, offered: SnapshotOffered, scope: Scope, at_least: Revision) -> Content:
        body = await self._signed_body(offered.name)
        try:
            found = Manifest.decode(body)
        except Undecodable as error:
            raise BadSignature(str(error)) from error
        if found.scope is not scope:
            raise BadSignature(f"the snapshot is of scope {found.scope}, not {scope}")
        if not await self._is_on_the_log(found.position):
            raise BadSignature("the snapshot is of another history than the log")
        if found.position.revision < at_least:
            raise Unavailable(f"the snapshot ends at {found.position.revision}, before {at_least}")
        for number in self.cache.begin(found):
            self.cache.keep(await self._chunk(offered.name, number, found.chunks[number]))
        return CachedSnapshot(found, self.cache)

    async def _chunk(self, name: str, number: int, wanted: ChunkRef) -> bytes:
        for _ in range(FETCHES):
            try:
                data = await self._snapshots.get(chunk_name(name, number))
            except SnapshotMissing as error:
                raise BrokenChunk(f"chunk {number} of snapshot {name} is gone") from error
            if ChunkRef.of(data) == wanted:
                return data
        raise BrokenChunk(f"chunk {number} of snapshot {name} is not what its master signed")

    async def _signed_body(self, name: str) -> bytes:
        try:
            signed = SignedSnapshot.decode(await self._snapshots.get(name))
        except Undecodable as error:
            raise BadSignature(str(error)) from error
        if not self.trust.verify(signed.signer, signed.signature, signed.body):
            raise BadSignature(f"no known master signed the snapshot ({signed.signer})")
        return signed.body

    def _next_name(self, scope: Scope, last: SnapshotOffered | None) -> str:
        first, second = (f"{scope}-{self.node}-{number}" for number in (1, 2))
        return second if last is not None and last.name == first else first

    async def _put_chunks(self, name: str, scope: Scope) -> SnapshotOffered:
        """Cut the state into chunks, one in memory at a time; the manifest comes last."""
        chunks: list[ChunkRef] = []

        async def put(data: bytes) -> None:
            await self._snapshots.put(chunk_name(name, len(chunks)), data)
            chunks.append(ChunkRef.of(data))

        cutter = Cutter()
        async with self.store.copy(scope) as copy:
            async for part in copy.parts:
                for data in cutter.add(part):
                    await put(data)
            for data in cutter.rest():
                await put(data)
        manifest = Manifest(copy.position, copy.mode, scope, tuple(chunks))
        await self._put_signed(name, manifest.encode())
        surplus = len(chunks)
        while await self._snapshots.drop(chunk_name(name, surplus)):
            surplus += 1
        return _offered(name, copy.position)

    async def _put_signed(self, name: str, body: bytes) -> None:
        signed = SignedSnapshot(body, self.node, self.key.sign(body))
        await self._snapshots.put(name, signed.encode())

    async def _is_on_the_log(self, position: LogPosition) -> bool:
        log = self.log.of(position.log_generation)
        raw = await log.get(position.sequence) if position.revision else None
        if raw is None:
            return False
        try:
            stored = StoredEntry.decode(raw.data)
            entry = LogEntry.decode(stored.body)
        except Undecodable:
            return False
        return position == LogPosition.of(entry, stored.hash, raw.sequence)


def _position(of: LogPosition | SnapshotOffered | None) -> tuple[Revision, str] | None:
    return None if of is None else (of.revision, of.hash)


def _offered(name: str, position: LogPosition) -> SnapshotOffered:
    return SnapshotOffered(
        name=name,
        log_generation=position.log_generation,
        revision=position.revision,
        hash=position.hash,
    )
