"""Performs the effects of the redirection's core, beside the lease.

A fault in it does not end the monitor: an attempt that fails in an unforeseen way is a failed
attempt, reported and tried again like any other.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, assert_never

from prometheus_client import CollectorRegistry, Gauge

from services.failover_monitor.redirection.core import (
    CancelAttempt,
    DesiredState,
    Effect,
    Progress,
    Reconciler,
    RedirectionAttempt,
    Release,
    ReportProgress,
)
from services.failover_monitor.redirection.desired import DesiredStateReader, MethodDriver
from shared.documents.redirection import RedirectionMethod
from shared.domain.containment import shorten
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Instant
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.failover import RedirectionChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment
from shared.runtime.waiting import wait_at_most

ROLE_SECONDS: Final = 0.5
"""How often the role is read; a new primary is notified at once."""

DOCUMENTS_SECONDS: Final = 5.0


class Redirector:
    """Directs the site's address to this master while it is primary."""

    def __init__(
        self,
        reader: DesiredStateReader,
        methods: Mapping[RedirectionMethod, MethodDriver],
        events: Emits,
        clock: Clock,
        registry: CollectorRegistry,
        containment: Containment,
    ) -> None:
        self._reader = reader
        self._methods = methods
        self._events = events
        self._clock = clock
        self._containment = containment
        self._core = Reconciler()
        self._acquired, self._changed = asyncio.Event(), asyncio.Event()
        self._trying: asyncio.Task[str | None] | None = None
        self._releasing: set[asyncio.Task[str | None]] = set()
        self._log = logging.getLogger("meridian.redirection")
        self._failing = Gauge(
            "meridian_redirection_failing",
            "1 while the site's address cannot be directed to this primary",
            registry=registry,
        )

    def on_acquired(self) -> None:
        """Direct the address anew: this master became primary."""
        self._acquired.set()
        self._changed.set()

    def status(self) -> RedirectionStatus:
        """Return the progress, as this master's status shows it."""
        progress = self._core.progress
        return RedirectionStatus(
            state=progress.state,
            attempts=progress.attempts,
            code=_code(progress),
            cause=progress.cause,
        )

    async def run(self) -> None:
        """Direct the address until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_reading())
                tasks.create_task(self._drive())
        finally:
            self._perform(self._core.set_desired(None, self._clock.now()))
            ending = {*self._releasing, *filter(None, [self._trying])}
            if ending:
                await asyncio.wait(ending)

    async def _keep_reading(self) -> None:
        """Read the configuration again and again while this master is primary."""
        while True:
            self._acquired.clear()
            if self._reader.is_primary():
                await self._reader.read()
                self._changed.set()
            is_current = self._reader.is_current()
            await wait_at_most(self._acquired, DOCUMENTS_SECONDS if is_current else ROLE_SECONDS)

    async def _drive(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock.now()
            desired = self._reader.desired(self._methods)
            self._perform(self._core.set_desired(desired, now))
            self._perform(self._core.tick(now))
            await wait_at_most(self._changed, self._pause(now))

    def _pause(self, now: Instant) -> float:
        due_at = self._core.deadline()
        return ROLE_SECONDS if due_at is None else max(0.0, min(ROLE_SECONDS, due_at - now))

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case RedirectionAttempt(desired):
                    self._trying = self._start(desired, self._redirect(desired))
                    self._trying.add_done_callback(self._attempt_ended)
                case CancelAttempt():
                    assert self._trying is not None, "only what is under way is cancelled"
                    self._trying.cancel()
                case Release(desired):
                    releasing = self._start(desired, self._release(desired))
                    self._releasing.add(releasing)
                    releasing.add_done_callback(self._releasing.discard)
                case ReportProgress():
                    self._report(effect)
                case _:
                    assert_never(effect)

    def _start(
        self, desired: DesiredState, work: Coroutine[Any, Any, None]
    ) -> "asyncio.Task[str | None]":
        """Do *work* as a task; a fault is the cause why the attempt failed."""
        method = desired.setting.method
        return self._containment.start(
            *("redirection", method, self._try(desired, work)),
            lambda cause: f"{method} failed: {cause}",
        )

    def _attempt_ended(self, attempt: asyncio.Task[str | None]) -> None:
        self._trying = None
        cause = "it was stopped" if attempt.cancelled() else attempt.result()
        self._perform(self._core.attempt_ended(cause, self._clock.now()))
        self._changed.set()

    def _redirect(self, desired: DesiredState) -> Coroutine[Any, Any, None]:
        return self._methods[desired.setting.method].redirect(desired)

    async def _release(self, desired: DesiredState) -> None:
        try:
            await self._methods[desired.setting.method].release(desired)
        except RedirectionFailed as error:
            self._log.warning("the site's address is not given up yet: %s", error.message)

    async def _try(self, desired: DesiredState, work: Coroutine[Any, Any, None]) -> str | None:
        """Do *work* for *desired*; return why it failed, or None."""
        method, limit = desired.setting.method, desired.setting.time_limit_seconds
        try:
            async with asyncio.timeout(limit):
                await work
        except TimeoutError:
            return f"{method} took longer than {limit:g} s and was stopped"
        except RedirectionFailed as error:
            return shorten(error.message)
        return None

    def _report(self, effect: ReportProgress) -> None:
        after, desired = effect.after, effect.desired
        self._failing.set(after.state is RedirectionState.FAILING)
        if desired is None:
            return
        method = desired.setting.method
        if after.state is RedirectionState.FAILING:
            self._log.warning("the site's address does not lead here yet: %s", after.cause)
        else:
            self._log.info("redirection of the site's address by %s: %s", method, after.state)
        self._events.emit(
            RedirectionChanged(
                node=desired.node,
                epoch=desired.epoch,
                method=method,
                before=effect.before.state,
                state=after.state,
                code=_code(after),
                cause=after.cause,
            )
        )


def _code(progress: Progress) -> str:
    return RedirectionFailed.code if progress.cause else ""
