"""The follower at work: read, judge, apply, tell; for ever.

The subscription brings entries at once; a reading by message get, which needs no consumer, goes on
beside it. So the copy moves also while consumers cannot be made (the cluster elects who makes
them for 3 to 6 s after a loss), and a subscription that has fallen silent is made anew.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from services.replication.applying import Applier, LogShortened
from services.replication.conflicts import ConflictKeeper
from services.replication.core.follower import SilenceCheck, Standing
from services.replication.exchange import Exchange
from services.replication.whereabouts import Whereabouts
from shared.domain.containment import cause_of
from shared.domain.errors import BadSignature, BrokenChunk, MeridianError, Rejected, Unavailable
from shared.domain.ids import NodeId, Revision, Sequence
from shared.domain.log import Marker
from shared.domain.snapshot import Scope
from shared.events.replication import FollowerProgressed, FollowerState, FollowerStateChanged
from shared.runtime.clock import Clock
from shared.runtime.health import Health
from shared.runtime.waiting import wait_at_most

AGAIN_SECONDS: Final = 0.3
TELL_SECONDS: Final = 2.0
READ_SECONDS: Final[dict[Scope, float]] = {Scope.FULL: 0.5, Scope.DIRECTORY: 2.0}
"""How often the log's end is looked at beside a subscription; masters wait for each other."""

STOPPED: Final = frozenset({FollowerState.DIVERGED, FollowerState.LOG_LOST})
"""States that an operator must see, and that the loss of a connection does not end."""


@dataclass
class Following:
    """One node's follower; *scope* is what its copy holds; *keeper* keeps what it had alone."""

    applier: Applier
    exchange: Exchange
    clock: Clock
    health: Health
    scope: Scope
    snapshot_after: int
    keeper: ConflictKeeper | None = None
    state: FollowerState = FollowerState.DETACHED
    lag: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _following: asyncio.Event = field(default_factory=asyncio.Event)
    _whereabouts: Whereabouts = field(init=False)
    _silence: SilenceCheck = field(default_factory=SilenceCheck)
    _subscribed: asyncio.Timeout | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    def __post_init__(self) -> None:
        self._whereabouts = Whereabouts(self.applier, self.clock)

    async def run(self) -> None:
        """Read the log by message get, for ever."""
        self.health.set("log", ok=False, reason="the log was not read yet")
        while True:
            try:
                async with self._turn:
                    await self._read()
            except (Unavailable, BadSignature) as error:
                self._stopped(FollowerState.DETACHED, error.message)
            except Exception as error:
                self._stopped(FollowerState.DETACHED, cause_of(error))
                raise
            await asyncio.sleep(self._pause_seconds)

    async def listen(self) -> None:
        """Take what the subscription brings, for ever."""
        while True:
            await self._following.wait()
            try:
                async with asyncio.timeout(None) as self._subscribed:
                    await self._listen()
            except TimeoutError:
                self._log.info("the subscription fell silent; it is made anew")
            except Unavailable as error:
                self._log.debug("no subscription: %s", error.message)
            finally:
                self._subscribed = None
            await asyncio.sleep(AGAIN_SECONDS)

    async def tell(self) -> None:
        """Publish the position after each move and every few seconds, for ever."""
        while True:
            await wait_at_most(self._moved, TELL_SECONDS)
            self._moved.clear()
            progress = self.progress()
            if progress is not None:
                await self.exchange.publisher.publish(progress)

    def progress(self) -> FollowerProgressed | None:
        """Where this copy is, signed by this node; None before it was read."""
        if self.applier.follower is None:
            return None
        marker = self.applier.follower.marker
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
            Unavailable: the log, the store or a master with a snapshot did not answer.
            BadSignature: the snapshot that was offered is not to be trusted.
        """
        async with self._turn:
            await self.applier.begin()
            if resync:
                place = await self._whereabouts.look()
                await self._take_snapshot(Revision(0), is_proven=place.is_proven)
            await self._read()
        self._moved.set()
        progress = self.progress()
        assert progress is not None, "a follower that has begun has a position"
        return progress

    async def _read(self) -> None:
        """Bring the copy to the log's end, unless it is not on the log's chain."""
        if not await self._is_on_chain():
            return
        follower = await self.applier.begin()
        last = await self.applier.log.last()
        end = Sequence(0) if last is None else last.sequence
        self.lag = max(0, end - follower.read_to)
        if self.lag > self.snapshot_after:
            await self._try_snapshot(follower.marker.revision)
        try:
            await self.applier.read_to(end)
        except LogShortened:
            await self._take_snapshot(follower.marker.revision)
            await self.applier.read_to(end)
        if self._silence.read(self.lag):
            self._listen_anew()
        if self.lag:
            self._moved.set()
        self.lag = 0
        self._now(FollowerState.FOLLOWING, "it is at the end of the log")

    def _listen_anew(self) -> None:
        if self._subscribed is not None:
            self._subscribed.reschedule(asyncio.get_running_loop().time())
            self._subscribed = None

    async def _listen(self) -> None:
        follower, log = await self.applier.begin(), self.applier.log
        async with aclosing(log.follow(Sequence(follower.read_to + 1))) as messages:
            async for raw in messages:
                async with self._turn:
                    if not self._following.is_set() or self.applier.log is not log:
                        return
                    self._silence.brought()
                    await self.applier.take(raw)
                self._moved.set()

    async def _is_on_chain(self) -> bool:
        """Whether the copy can read on: where it stands, or in a later generation of the log."""
        place = await self._whereabouts.look()
        if place.standing is not Standing.FOLLOWING:
            self._stopped(FollowerState(place.standing), place.why)
            return False
        if place.is_behind:
            await self._take_snapshot(place.revision, is_proven=False)
        elif place.generation is not None:
            self.applier.enter(place.generation)
        if place.generation is not None:
            self._listen_anew()
        return True

    async def _try_snapshot(self, at_least: Revision) -> None:
        """Take a snapshot, which is shorter than reading on; without one the log is read."""
        try:
            await self._take_snapshot(at_least)
        except MeridianError as error:
            self._log.info("no snapshot (%s); reading the log", error.message)

    async def _take_snapshot(self, at_least: Revision, *, is_proven: bool = True) -> None:
        """Begin from a snapshot; what a copy that is not *is_proven* had alone is kept first."""
        before = self.state
        self._now(FollowerState.SNAPSHOTTING, "it takes a snapshot")
        try:
            content = await self.exchange.take(self.scope, at_least)
            if self.keeper is not None and not is_proven:
                await self.keeper.keep_own((await self.applier.begin()).marker)
            await self.applier.load(content)
            self.exchange.loaded()
        except MeridianError as error:
            if isinstance(error, Rejected | BrokenChunk):
                self.applier.rejections.record(error)
            self._now(before, "it got no snapshot")
            raise

    @property
    def _pause_seconds(self) -> float:
        is_easy = self.state is FollowerState.FOLLOWING and self._subscribed is not None
        return READ_SECONDS[self.scope] if is_easy else AGAIN_SECONDS

    def _stopped(self, state: FollowerState, reason: str) -> None:
        """Nothing is applied now; a position off the log's chain stays the graver news."""
        self.health.set("log", ok=False, reason=reason)
        if state is not FollowerState.DETACHED or self.state not in STOPPED:
            self._now(state, reason)

    def _now(self, state: FollowerState, cause: str) -> None:
        previous, self.state = self.state, state
        if state is FollowerState.FOLLOWING:
            self.health.set("log", ok=True)
            self._following.set()
        else:
            self._following.clear()
        if state is previous:
            return
        self._moved.set()
        self._log.info("%s (was %s)", state, previous)
        follower = self.applier.follower
        if follower is not None and {state, previous} & STOPPED:
            told = _changed(self.exchange.node, (previous, state), follower.marker, cause)
            self.applier.events.emit(told)


def _changed(
    node: NodeId, states: tuple[FollowerState, FollowerState], marker: Marker, cause: str
) -> FollowerStateChanged:
    previous, state = states
    return FollowerStateChanged(
        node=node,
        state=state,
        previous=previous,
        revision=marker.revision,
        hash=marker.hash,
        cause=cause,
    )
