"""Answers the question for this process's time; the stamp of the answer is the time.

The question passes at any age and as often as it is sent, so whoever recorded one may send it
again. That costs a bounded number of answers a second; beyond it the process is silent.
"""

from collections.abc import Callable
from typing import Final

from faststream.nats import NatsRouter

from shared.domain.ids import Instant, NodeId
from shared.events.clock import ReadClock
from shared.events.message import Done
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription

ANSWERS_A_SECOND: Final = 20
"""Enough for each process of a site of hundreds of nodes, and little beside other messages."""


class AnswerLimit:
    """Admits so many answers a second, and as many at once after silence (a token bucket)."""

    def __init__(self, a_second: float) -> None:
        self._a_second = a_second
        self._left = a_second
        self._at = Instant(0.0)

    def admit(self, now: Instant) -> bool:
        """Say whether one more answer may leave at *now*."""
        self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class ClockAnswers:
    """Answers for one process; *now* is the clock that counts suspend."""

    def __init__(self, now: Callable[[], Instant]) -> None:
        self._now = now
        self._limit = AnswerLimit(ANSWERS_A_SECOND)

    async def on_read_clock(self, _: ReadClock) -> Done:
        """Answer; the signing layer puts the time to it.

        Raises:
            Silent: enough was answered in this second.
        """
        if not self._limit.admit(self._now()):
            raise Silent
        return Done()


def clock_router(answers: ClockAnswers, node: NodeId, service: str) -> NatsRouter:
    """Subscribe *answers* to the questions for the time of *service* on *node*."""
    route = subscription(ReadClock, answers.on_read_clock, node=node, service=service)
    return NatsRouter(handlers=(route,))
