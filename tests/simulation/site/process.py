"""A process of the simulated site: the event loop that its services run on, and its life.

The services' own code runs here, on a loop whose time is the world's: it waits no real time, stops
while the process is frozen, counts by its machine's clock, and is simply never called again when
the process has crashed. What a dying process still does is let go: no transaction of it commits.
"""

import asyncio
import contextvars
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

from tests.simulation.event_queue import EventQueue
from tests.simulation.failover.master import Master
from tests.simulation.failover.world import MOMENT


class Due:
    """Something that a loop is to call, unless it is cancelled."""

    __slots__ = ("_action", "_args", "_at", "_context")

    def __init__(
        self,
        action: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        at: float = 0.0,
    ) -> None:
        self._action: Callable[..., Any] | None = action
        self._args = args
        self._context = context or contextvars.copy_context()
        self._at = at

    def cancel(self) -> None:
        self._action = None

    def cancelled(self) -> bool:
        return self._action is None

    def when(self) -> float:
        return self._at

    def call(self) -> None:
        if self._action is not None:
            self._context.run(self._action, *self._args)


class Process(asyncio.AbstractEventLoop):
    """One life of a process on *master*'s machine, and the loop that its services see."""

    def __init__(self, master: Master, event_queue: EventQueue) -> None:
        self.master = master
        self.is_dead = False
        self.frozen_until = 0.0
        self.broken: BaseException | None = None
        self._event_queue = event_queue
        self._ready: deque[Due] = deque()
        self._is_called = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let the process do *work*; what breaks in it breaks the scenario."""
        task = asyncio.Task(work, loop=cast("asyncio.AbstractEventLoop", self))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def kill(self) -> None:
        """Everything in it is cancelled where it waits, and nothing is called any more."""
        if self.is_dead:
            return
        self.is_dead = True
        for task in tuple(self._tasks):
            task.cancel()
        self._run()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.broken = error
            raise error

    def _call(self) -> None:
        """Call whatever is ready, and what becomes ready by that."""
        if self.is_dead:
            return
        if self._event_queue.now < self.frozen_until:
            self._event_queue.at(self.frozen_until, self._call)
            return
        self._run()

    def _run(self) -> None:
        events._set_running_loop(self)
        try:
            while self._ready:
                self._ready.popleft().call()
        finally:
            events._set_running_loop(None)
            self._is_called = False

    def _fire(self, due: Due) -> None:
        if not self.is_dead and not due.cancelled():
            self._put(due)

    def _put(self, due: Due) -> None:
        self._ready.append(due)
        if not self._is_called:
            self._is_called = True
            self._event_queue.at(self._event_queue.now, self._call)

    def time(self) -> float:
        return self.master.clock(self._event_queue.now)

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Due:
        due = Due(callback, args, context)
        self._put(due)
        return due

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Due:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Due:
        due = Due(callback, args, context, when)
        at = max(self._event_queue.now, self.master.true(when) + MOMENT)
        self._event_queue.at(at, self._fire, due)
        return due

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], **_: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What a dead process leaves behind is nobody's business; else it breaks the scenario."""
        error = context.get("exception")
        if isinstance(error, BaseException) and not self.is_dead:
            self.broken = error
