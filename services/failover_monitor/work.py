"""Does what the core wants done, and tells it what came of it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, assert_never

from services.failover_monitor.core.effects import (
    AskPromises,
    Check,
    Effect,
    Grant,
    Lost,
    ReadLease,
    Refusal,
    Took,
    WriteLease,
)
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.promise import Answers, PromiseAsked
from services.failover_monitor.core.takeover import Checks
from services.failover_monitor.store import LeaseStore
from shared.domain.ids import Instant, NodeId
from shared.domain.log import LogPosition
from shared.events.failover import MasterGranted, PrimaryChanged, PrimarySteppedDown
from shared.messaging.ports import Emits, Publishes
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment
from shared.runtime.driver import Driver

Answer = TypeVar("Answer")


class Looks(Protocol):
    """Looks at this master."""

    async def look(self) -> Checks: ...
    async def stand(self) -> LogPosition | None: ...


class AsksMasters(Protocol):
    """Asks the other masters for promises."""

    async def ask(self, asked: PromiseAsked) -> Answers: ...


@dataclass(frozen=True)
class Voice:
    """How this master speaks: its name, its kernel, the two ways to publish, and to the others."""

    node: NodeId
    boot_id: str
    publisher: Publishes
    events: Emits
    promises: AsksMasters


class Work:
    """The monitor at work: one task for each call, so that none holds up another."""

    def __init__(
        self,
        monitor: Monitor,
        store: LeaseStore,
        examiner: Looks,
        voice: Voice,
        clock: Clock,
        containment: Containment,
    ) -> None:
        self._monitor = monitor
        self._store = store
        self._examiner = examiner
        self._voice = voice
        self._clock = clock
        self._containment = containment
        self._driver = Driver(monitor, clock, self.perform)
        self._tasks = asyncio.TaskGroup()
        self._performed = asyncio.Event()
        self._log = logging.getLogger("meridian.failover")
        self.granted_until = Instant(0.0)
        """When the last grant ends, as it was last told."""
        self.on_taken: list[Callable[[], None]] = []

    async def run(self) -> None:
        """Drive the core, for ever."""
        async with self._tasks:
            await self._driver.run()

    async def stand(self) -> LogPosition | None:
        """Where this master's copy stands at this moment."""
        return await self._examiner.stand()

    async def perform(self, effects: Sequence[Effect] = ()) -> None:
        """Do what the core wants done, and look when it wants to be called again.

        Grants are told first: whoever may act, or must not any more, waits for nothing else.
        """
        for effect in sorted(effects, key=lambda each: not isinstance(each, Grant)):
            match effect:
                case ReadLease():
                    self._start(self._read())
                case WriteLease():
                    self._start(self._write(effect))
                case Check():
                    self._start(self._check())
                case Grant():
                    self._start(self._grant(effect))
                case Took() | Lost():
                    self._tell(effect)
                case AskPromises():
                    self._start(self._ask(effect))
                case _:
                    assert_never(effect)
        self._driver.wake()
        performed, self._performed = self._performed, asyncio.Event()
        performed.set()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for what the core learns until *condition* holds; False when it takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._performed.wait()
        return condition()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.create_task(work)

    async def _read(self) -> None:
        seen = await self._attempt("read the lease", self._store.read(), lambda _cause: None)
        await self.perform(self._monitor.lease_read(seen, self._clock.now()))

    async def _write(self, effect: WriteLease) -> None:
        writing = self._store.write(effect.record, effect.expected)
        outcome = await self._attempt("write the lease", writing, lambda _: Refusal.UNKNOWN)
        await self.perform(self._monitor.lease_written(outcome, self._clock.now()))

    async def _check(self) -> None:
        checks = await self._attempt("look at this master", self._examiner.look(), _unfit)
        await self.perform(self._monitor.checked(checks, self._clock.now()))

    async def _ask(self, effect: AskPromises) -> None:
        asking, nobody = self._voice.promises.ask(effect.asked), Answers(effect.asked.number)
        answers = await self._attempt("ask for promises", asking, lambda _cause: nobody)
        await self.perform(self._monitor.asker.answered(answers, self._clock.now()))

    async def _attempt(
        self, what: str, call: Awaitable[Answer], otherwise: Callable[[str], Answer]
    ) -> Answer:
        """What a call to somebody else brings: whatever goes wrong there is no answer of theirs."""
        return await self._containment.attempt("call", what, call, otherwise)

    async def _grant(self, effect: Grant) -> None:
        voice, self.granted_until = self._voice, effect.valid_until
        await voice.publisher.publish(
            MasterGranted(
                node=voice.node,
                epoch=effect.epoch,
                boot_id=voice.boot_id,
                valid_until=effect.valid_until,
                paused=effect.paused,
                planned=effect.planned,
            )
        )

    def _tell(self, effect: Took | Lost) -> None:
        if isinstance(effect, Took):
            self._took(effect)
        else:
            self._lost(effect)

    def _took(self, effect: Took) -> None:
        self._log.warning("primary of epoch %d: %s", effect.epoch, effect.cause)
        self._voice.events.emit(
            PrimaryChanged(
                node=self._voice.node,
                previous=effect.previous,
                epoch=effect.epoch,
                cause=effect.cause,
            )
        )
        for call in self.on_taken:
            call()

    def _lost(self, effect: Lost) -> None:
        self._log.warning("no longer primary of epoch %d: %s", effect.epoch, effect.cause)
        self._voice.events.emit(
            PrimarySteppedDown(node=self._voice.node, epoch=effect.epoch, cause=effect.cause)
        )


def _unfit(cause: str) -> Checks:
    """A look that failed shows nothing good of this master."""
    return Checks(unfit=(f"it cannot be looked at: {cause}",))
