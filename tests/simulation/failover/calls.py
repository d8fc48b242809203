"""Calls to the bucket: one is lost, late, repeated, or lands when nobody waits any more.

Without faults a call is done at once, and nothing has to wait for anything.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final, Protocol

from tests.simulation.event_queue import EventQueue
from tests.simulation.failover.bucket import Bucket
from tests.simulation.failover.faults import ELECTION_SECONDS, FaultPlan
from tests.simulation.failover.master import Master

LONGEST_DELAY_SECONDS: Final = 3.0


class CallContext(Protocol):
    """The world around a call."""

    random: Random
    event_queue: EventQueue
    bucket: Bucket
    fault_plan: FaultPlan

    def within(
        self, master: Master, instance: str, action: Callable[..., None], *args: Any
    ) -> None: ...
    def delay(self) -> float: ...
    def times(self) -> int: ...


class Call:
    """One call: *work* is done at the server, *answered* gets its outcome, or that none came."""

    def __init__(
        self,
        context: CallContext,
        master: Master,
        work: Callable[[float], Any],
        answered: Callable[[Master, Any], None],
    ) -> None:
        self._context = context
        self._master, self._instance = master, master.instance
        self._work = work
        self._answered = answered
        self._fault_plan = context.fault_plan
        self._is_over = False

    def send(self, patience_seconds: float, silence: Any) -> None:
        """Send it; *silence* is the outcome when no answer came in time."""
        context, event_queue = self._context, self._context.event_queue
        for _ in range(context.times()):
            if context.random.random() >= self._fault_plan.lost and not self._master.mute:
                event_queue.at(event_queue.now + context.delay(), self._arrive)
        event_queue.at(event_queue.now + patience_seconds, self._answer, silence)

    def _arrive(self) -> None:
        context, event_queue = self._context, self._context.event_queue
        if context.bucket.is_down:
            # Without a leader a server keeps some calls, and they land when nobody waits any more.
            if context.random.random() < self._fault_plan.late:
                wait = context.random.uniform(0, ELECTION_SECONDS[1])
                event_queue.at(event_queue.now + wait, self._arrive)
            return
        outcome = self._work(self._fault_plan.stale)
        if context.random.random() >= self._fault_plan.lost and not self._master.deaf:
            event_queue.at(event_queue.now + context.delay(), self._answer, outcome)

    def _answer(self, outcome: Any) -> None:
        if not self._is_over:
            self._context.within(self._master, self._instance, self._hear, outcome)

    def _hear(self, outcome: Any) -> None:
        if not self._is_over:
            self._is_over = True
            self._answered(self._master, outcome)
