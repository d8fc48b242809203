"""The follower at work: read, judge, apply, tell; for ever."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.replication.core.follower import Apply, ChainCheck, Fetch, Follower, Skip
from services.replication.core.snapshot import SnapshotDocument
from services.replication.exchange import Exchange
from shared.clusterlog.log import ClusterLog, RawEntry, verify
from shared.crypto.nodekeys import TrustStore
from shared.documents import Kind
from shared.domain.errors import MeridianError, StoreUnavailable, Unavailable
from shared.domain.ids import NodeId, Sequence
from shared.domain.log import LogEntry, Op, StoredEntry
from shared.domain.node import NodeRole
from shared.events.replication import FollowerProgressed, FollowerState
from shared.runtime.clock import Clock
from shared.runtime.health import Health

AGAIN_SECONDS: Final = 0.3
TELL_SECONDS: Final = 2.0


@dataclass
class Following:
    """One node's follower; *scope* is what its snapshots hold."""

    exchange: Exchange
    clock: Clock
    health: Health
    scope: str
    snapshot_after: int
    state: FollowerState = FollowerState.DETACHED
    follower: Follower | None = None
    lag: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _chain: ChainCheck = field(default_factory=ChainCheck)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    @property
    def log(self) -> ClusterLog:
        return self.exchange.log

    @property
    def trust(self) -> TrustStore:
        return self.exchange.trust

    async def run(self) -> None:
        """Follow the log, for ever."""
        self.health.set("log", ok=False, reason="the log was not read yet")
        while True:
            try:
                await self._follow()
            except Unavailable as error:
                self.health.set("log", ok=False, reason=error.message)
                self._log.debug("not following: %s", error.message)
            await asyncio.sleep(AGAIN_SECONDS)

    async def tell(self) -> None:
        """Publish the position after each move and every few seconds, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_SECONDS):
                    await self._moved.wait()
            self._moved.clear()
            progress = self.progress()
            if progress is not None:
                await self.exchange.publisher.publish(progress)

    def progress(self) -> FollowerProgressed | None:
        """Where this copy is, signed by this node; None before it was read."""
        if self.follower is None:
            return None
        marker = self.follower.marker
        said = FollowerProgressed(
            node=self.exchange.node,
            state=self.state,
            log_generation=marker.log_generation,
            revision=marker.revision,
            sequence=marker.sequence,
            epoch=marker.epoch,
            hash=marker.hash,
            lag=self.lag,
        )
        proof = self.exchange.key.sign(said.progress_bytes())
        return said.model_copy(update={"signature": proof.hex()})

    async def sync(self, *, resync: bool) -> FollowerProgressed:
        """Catch up now, from a snapshot if *resync*, and prove the position.

        Raises:
            Unavailable: the log or the store did not answer.
        """
        async with self._turn:
            follower = await self._started()
            if resync:
                follower = await self._take_snapshot()
            await self._check_chain(follower)
            async for raw in self.log.read_from(Sequence(follower.read_to + 1)):
                await self._take(follower, raw)
        progress = self.progress()
        assert progress is not None, "a follower that has started has a position"
        self._moved.set()
        return progress

    async def _follow(self) -> None:
        async with self._turn:
            follower = await self._started()
            if not await self._check_chain(follower):
                return
            follower = await self._caught_up(follower)
        self._now(FollowerState.FOLLOWING)
        async for raw in self.log.follow(Sequence(follower.read_to + 1)):
            async with self._turn:
                if self.follower is not follower:
                    return
                await self._take(follower, raw)

    async def _started(self) -> Follower:
        marker = await self.exchange.store.marker()
        if marker is None:
            raise StoreUnavailable("this database belongs to no site yet: init or join it first")
        if self.follower is None or self.follower.marker.revision != marker.revision:
            self.follower = Follower(marker)
            self._learn_masters((await self.exchange.store.snapshot()).documents)
        return self.follower

    async def _check_chain(self, follower: Follower) -> bool:
        marker = follower.marker
        raw = None if marker.revision == 0 else await self.log.get(marker.sequence)
        there = None if raw is None else StoredEntry.decode(raw.data).hash
        verdict = self._chain.found(marker, there, self.clock.now())
        if verdict == "following":
            return True
        if verdict != "unsure":
            self._now(FollowerState(verdict))
        self.health.set("log", ok=False, reason=f"{verdict} at revision {marker.revision}")
        return False

    async def _caught_up(self, follower: Follower) -> Follower:
        """Take a snapshot when that is shorter than reading on."""
        last = await self.log.last()
        self.lag = 0 if last is None else max(0, last.sequence - follower.read_to)
        if self.lag <= self.snapshot_after:
            return follower
        try:
            return await self._take_snapshot()
        except MeridianError as error:
            self._log.info("no snapshot (%s); reading the log from its start", error.message)
            return follower

    async def _take_snapshot(self) -> Follower:
        self._now(FollowerState.SNAPSHOTTING)
        snapshot = await self.exchange.take(self.scope)
        await self.exchange.store.load(snapshot)
        self._learn_masters(snapshot.documents)
        self.follower = Follower(snapshot.marker)
        self._log.info("began from a snapshot at revision %d", snapshot.marker.revision)
        self._moved.set()
        return self.follower

    async def _take(self, follower: Follower, raw: RawEntry) -> None:
        stored = _stored(raw.data)
        verdict = follower.judge(
            raw.sequence, stored, proven=stored is not None and verify(stored, self.trust)
        )
        match verdict:
            case Fetch(sequence):
                async for missed in self.log.read_from(sequence):
                    if missed.sequence <= raw.sequence:
                        await self._take(follower, missed)
            case Skip(reason):
                self._log.error("the log's message %d is skipped: %s", raw.sequence, reason)
                follower.passed(raw.sequence)
            case Apply(stored, entry):
                await self.exchange.store.apply(stored, raw.sequence)
                follower.passed(raw.sequence)
                # By what was read: on the primary the copy may be further already, by config.
                follower.applied(follower.marker.advanced(entry, stored.hash, raw.sequence))
                self._learn(entry)
                self._moved.set()
            case _:
                pass
        self.lag = max(0, raw.sequence - follower.read_to)

    def _learn(self, entry: LogEntry) -> None:
        for change in entry.changes:
            if change.kind == Kind.NODE and change.op is Op.PUT and change.body:
                self._learn_master(change.id, change.body)

    def _learn_masters(self, documents: Iterable[SnapshotDocument]) -> None:
        for document in documents:
            if document.kind == Kind.NODE:
                self._learn_master(document.id, document.body)

    def _learn_master(self, node: str, body: Mapping[str, Any]) -> None:
        if body["role"] == NodeRole.MASTER and body["public_key"]:
            self.trust.learn(NodeId(node), body["public_key"])

    def _now(self, state: FollowerState) -> None:
        if state is not self.state:
            self._log.info("%s (was %s)", state, self.state)
        self.state = state
        if state is FollowerState.FOLLOWING:
            self.health.set("log", ok=True)
        self._moved.set()


def _stored(message: bytes) -> StoredEntry | None:
    try:
        return StoredEntry.decode(message)
    except ValueError:
        return None
