"""Runs the monitor: performs its effects, and brings the answers back to it as facts."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from services.failover_monitor.core.effects import (
    Call,
    CheckHealth,
    CollectVotes,
    Effect,
    Grant,
    ReadLease,
    RoleAcquired,
    RoleLost,
    WriteLease,
)
from services.failover_monitor.core.facts import Fact
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.lease.announcer import RoleAnnouncer
from services.failover_monitor.lease.calls import Calls
from shared.runtime.clock import Clock
from shared.runtime.driver import Driver


class MonitorRunner:
    """Performs the effects of the monitor; each call is a task of its own and delays no other."""

    def __init__(
        self, monitor: Monitor, calls: Calls, announcer: RoleAnnouncer, clock: Clock
    ) -> None:
        self._monitor = monitor
        self._calls = calls
        self._announcer = announcer
        self._clock = clock
        self._driver = Driver(monitor, clock, self.perform)
        self._tasks = asyncio.TaskGroup()
        self._performed = asyncio.Event()

    async def run(self) -> None:
        """Drive the monitor until cancelled."""
        async with self._tasks:
            await self._driver.run()

    async def step(self, fact: Fact) -> None:
        """Bring *fact* to the monitor, and perform what it wants."""
        await self.perform(self._monitor.step(fact, self._clock.now()))

    async def perform(self, effects: Sequence[Effect] = ()) -> None:
        """Perform *effects*, and look when the monitor wants to be called again.

        Grants are published first: the processes that may act, or must stop, wait for nothing else.
        """
        for effect in sorted(effects, key=lambda each: not isinstance(each, Grant)):
            match effect:
                case ReadLease() | WriteLease() | CheckHealth() | CollectVotes():
                    self._start(self._call(effect))
                case Grant():
                    self._start(self._announcer.publish_grant(effect))
                case RoleAcquired() | RoleLost():
                    self._announcer.announce(effect)
                case _:
                    assert_never(effect)
        self._driver.wake()
        performed, self._performed = self._performed, asyncio.Event()
        performed.set()

    async def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until *condition* holds; False when no fact makes it hold within *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._performed.wait()
        return condition()

    async def _call(self, call: Call) -> None:
        await self.step(await self._calls.make(call))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.create_task(work)
