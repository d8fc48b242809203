"""Tasks that each serve one receiver, peer, client, session or lookup, and contain their faults.

Whatever goes wrong in such a task concerns only the one that it serves: it is logged (with its
traceback once for each place in the code), counted, reported to the caller that started the task,
and the others go on. A broken invariant ends the service instead, through its `Fault`.

Every task of a service is made here, or stands in the table of `tests/architecture/test_tasks.py`
with the reason why its faults cannot get lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from shared.domain.backoff import Backoff
from shared.domain.containment import cause_of, ends_process
from shared.runtime.waiting import Pauses

RESTARTS: Final = Backoff(first_seconds=1.0, longest_seconds=60.0)
STEADY_SECONDS: Final = 60.0
"""A worker that ran for so long had recovered: its next fault is a first one again."""

_LOG: Final = logging.getLogger("meridian.containment")

Result = TypeVar("Result")
OnFault = Callable[[str], object]
"""Receives the cause of a fault, at most 500 characters of it."""


def ignore_fault(_cause: str) -> None:
    """Do nothing: for callers that need not know of faults."""


class Containment:
    """Makes contained tasks, and contains what a callback does.

    *on_fatal* receives an error that ends the process, *count* the kind of work of each fault.
    """

    def __init__(
        self, on_fatal: Callable[[BaseException], None], count: Callable[[str], None] = ignore_fault
    ) -> None:
        self._on_fatal = on_fatal
        self._count = count
        self._known: set[tuple[str, str, int]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(
        self,
        kind: str,
        name: str,
        work: Coroutine[Any, Any, Result],
        otherwise: Callable[[str], Result],
    ) -> "asyncio.Task[Result]":
        """Do *work* of a *kind* for *name* once; *otherwise* makes a result of a fault's cause."""
        return self._task(self.attempt(kind, name, work, otherwise))

    async def attempt(
        self,
        kind: str,
        name: str,
        work: Awaitable[Result],
        otherwise: Callable[[str], Result],
    ) -> Result:
        """Do *work* here and now; *otherwise* makes the result of a fault's cause."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 (whatever it is, it concerns this work alone)
            return otherwise(self.fault(kind, name, error))

    def keep(
        self,
        kind: str,
        name: str,
        run: Callable[[], Awaitable[None]],
        on_fault: OnFault = ignore_fault,
    ) -> "asyncio.Task[None]":
        """Call *run* for *name*, and again after each fault with back-off, until it returns."""
        return self._task(self._repeat(kind, name, run, on_fault))

    def fault(self, kind: str, name: str, error: Exception) -> str:
        """Take note of *error* in work of a *kind* for *name*, and return its cause.

        Raises:
            Exception: *error* itself, when it must end the process.
        """
        if ends_process(error):
            self._on_fatal(error)
            raise error
        cause = cause_of(error)
        self._count(kind)
        place = kind, *_place(error)
        if place in self._known:
            _LOG.warning("%s %s failed; others go on: %s", kind, name, cause)
        else:
            self._known.add(place)
            _LOG.error("%s %s failed; others go on: %s", kind, name, cause, exc_info=error)
        return cause

    def _task(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # `on_fatal` received it

    async def _repeat(
        self, kind: str, name: str, run: Callable[[], Awaitable[None]], on_fault: OnFault
    ) -> None:
        loop, pauses = asyncio.get_running_loop(), Pauses(RESTARTS)
        while True:
            began = loop.time()
            try:
                await run()
            except Exception as error:  # noqa: BLE001 (whatever it is, it concerns this work alone)
                on_fault(self.fault(kind, name, error))
            else:
                return
            if loop.time() - began >= STEADY_SECONDS:
                pauses.reset()
            await pauses.pause()


def _place(error: BaseException) -> tuple[str, int]:
    """Return the place in the code where *error* came up: few, however many peers there are."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
