"""Follows the log: reads, checks, applies and reports progress, until cancelled.

A subscription brings entries at once; a reader beside it fetches messages by number, which needs
no consumer. So the replica also moves while no consumer can be made (after a loss the servers elect
for 3 to 6 s who makes consumers), and a subscription that has fallen silent is replaced.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from services.replication.conflicts.archive import ConflictArchive
from services.replication.core.follower import SilenceCheck, Standing
from services.replication.follow.applier import Applier, LogShortened
from services.replication.follow.position import PositionCheck
from services.replication.snapshots.exchange import SnapshotExchange
from shared.domain.containment import cause_of
from shared.domain.errors import BadSignature, BrokenChunk, MeridianError, Rejected, Unavailable
from shared.domain.ids import NodeId, Revision, Sequence
from shared.domain.log import LogPosition
from shared.domain.snapshot import Scope
from shared.events.replication import FollowerProgressed, FollowerState, FollowerStateChanged
from shared.runtime.clock import Clock
from shared.runtime.health import Health
from shared.runtime.waiting import wait_at_most

AGAIN_SECONDS: Final = 0.3
REPORT_SECONDS: Final = 2.0
READ_SECONDS: Final[dict[Scope, float]] = {Scope.FULL: 0.5, Scope.DIRECTORY: 2.0}
"""Seconds between two reads beside a subscription; masters wait for each other."""

STOPPED: Final = frozenset({FollowerState.DIVERGED, FollowerState.LOG_LOST})
"""States that an operator must see, and that the loss of a connection does not end."""


@dataclass
class FollowerLoop:
    """The follower of one node; *scope* is what its replica holds.

    *conflicts*, on a master, archives what the replica had alone before a snapshot replaces it.
    """

    applier: Applier
    exchange: SnapshotExchange
    clock: Clock
    health: Health
    scope: Scope
    snapshot_after: int
    conflicts: ConflictArchive | None = None
    state: FollowerState = FollowerState.DETACHED
    lag: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _following: asyncio.Event = field(default_factory=asyncio.Event)
    _position_check: PositionCheck = field(init=False)
    _silence: SilenceCheck = field(default_factory=SilenceCheck)
    _subscribed: asyncio.Timeout | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.replication"))

    def __post_init__(self) -> None:
        self._position_check = PositionCheck(self.applier, self.clock)

    async def run(self) -> None:
        """Read the log by message number, until cancelled."""
        self.health.set("log", ok=False, reason="the log was not read yet")
        while True:
            try:
                async with self._turn:
                    await self._read()
            except (Unavailable, BadSignature) as error:
                self._record_stop(FollowerState.DETACHED, error.message)
            except Exception as error:
                self._record_stop(FollowerState.DETACHED, cause_of(error))
                raise
            await asyncio.sleep(self._pause_seconds)

    async def listen(self) -> None:
        """Apply what the subscription brings, until cancelled."""
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

    async def report_progress(self) -> None:
        """Publish the position after each move and every REPORT_SECONDS, until cancelled."""
        while True:
            await wait_at_most(self._moved, REPORT_SECONDS)
            self._moved.clear()
            progress = self.progress()
            if progress is not None:
                await self.exchange.publisher.publish(progress)

    def progress(self) -> FollowerProgressed | None:
        """Give the replica's position, signed by this node; None before it was read."""
        if self.applier.follower is None:
            return None
        position = self.applier.follower.position
        progress = FollowerProgressed(
            node=self.exchange.node,
            state=self.state,
            log_generation=position.log_generation,
            revision=position.revision,
            sequence=position.sequence,
            epoch=position.epoch,
            hash=position.hash,
            lag=self.lag,
        )
        proof = self.exchange.key.sign(progress.progress_bytes())
        return progress.model_copy(update={"signature": proof.hex()})

    async def sync(self, *, resync: bool) -> FollowerProgressed:
        """Catch up now, from a snapshot if *resync*, and prove the position.

        Raises:
            Unavailable: the log, the store or a master with a snapshot did not answer.
            BadSignature: the snapshot that was offered is not to be trusted.
        """
        async with self._turn:
            await self.applier.begin()
            if resync:
                position = await self._position_check.check()
                await self._take_snapshot(Revision(0), is_proven=position.is_proven)
            await self._read()
        self._moved.set()
        progress = self.progress()
        assert progress is not None, "a follower that has begun has a position"
        return progress

    async def _read(self) -> None:
        """Bring the replica to the log's end, if its position is on the log's chain."""
        if not await self._check_position():
            return
        follower = await self.applier.begin()
        last = await self.applier.log.last()
        end = Sequence(0) if last is None else last.sequence
        self.lag = max(0, end - follower.read_to)
        if self.lag > self.snapshot_after:
            await self._prefer_snapshot(follower.position.revision)
        try:
            await self.applier.read_to(end)
        except LogShortened:
            await self._take_snapshot(follower.position.revision)
            await self.applier.read_to(end)
        if self._silence.read(self.lag):
            self._restart_subscription()
        if self.lag:
            self._moved.set()
        self.lag = 0
        self._enter_state(FollowerState.FOLLOWING, "it is at the end of the log")

    def _restart_subscription(self) -> None:
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
                    self._silence.record_message()
                    await self.applier.fetch(raw)
                self._moved.set()

    async def _check_position(self) -> bool:
        """Say whether the replica can follow the log, here or in a later generation."""
        position = await self._position_check.check()
        if position.standing is not Standing.FOLLOWING:
            self._record_stop(FollowerState(position.standing), position.reason)
            return False
        if position.is_behind:
            await self._take_snapshot(position.revision, is_proven=False)
        elif position.generation is not None:
            self.applier.enter(position.generation)
        if position.generation is not None:
            self._restart_subscription()
        return True

    async def _prefer_snapshot(self, at_least: Revision) -> None:
        """Load a snapshot, which is quicker than reading on; without one the log is read."""
        try:
            await self._take_snapshot(at_least)
        except MeridianError as error:
            self._log.info("no snapshot (%s); reading the log", error.message)

    async def _take_snapshot(self, at_least: Revision, *, is_proven: bool = True) -> None:
        """Load a snapshot; what a replica that is not *is_proven* had alone is archived first."""
        before = self.state
        self._enter_state(FollowerState.SNAPSHOTTING, "it takes a snapshot")
        try:
            content = await self.exchange.fetch(self.scope, at_least)
            if self.conflicts is not None and not is_proven:
                await self.conflicts.keep_own((await self.applier.begin()).position)
            await self.applier.load(content)
            self.exchange.discard_chunks()
        except MeridianError as error:
            if isinstance(error, Rejected | BrokenChunk):
                self.applier.rejections.record(error)
            self._enter_state(before, "it got no snapshot")
            raise

    @property
    def _pause_seconds(self) -> float:
        is_easy = self.state is FollowerState.FOLLOWING and self._subscribed is not None
        return READ_SECONDS[self.scope] if is_easy else AGAIN_SECONDS

    def _record_stop(self, state: FollowerState, reason: str) -> None:
        """Record why nothing is applied; DETACHED does not hide a state that needs an operator."""
        self.health.set("log", ok=False, reason=reason)
        if state is not FollowerState.DETACHED or self.state not in STOPPED:
            self._enter_state(state, reason)

    def _enter_state(self, state: FollowerState, cause: str) -> None:
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
            event = _state_change(self.exchange.node, (previous, state), follower.position, cause)
            self.applier.events.emit(event)


def fault_of(state: FollowerState) -> str:
    """Return why a replica in *state* can never be the primary's; empty when it may be."""
    return f"its replica is {state}" if state in STOPPED else ""


def _state_change(
    node: NodeId, states: tuple[FollowerState, FollowerState], position: LogPosition, cause: str
) -> FollowerStateChanged:
    previous, state = states
    return FollowerStateChanged(
        node=node,
        state=state,
        previous=previous,
        revision=position.revision,
        hash=position.hash,
        cause=cause,
    )
