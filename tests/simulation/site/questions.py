"""Who asks a node's services something, and waits for the answer: an operator, or another master.

Question and answer go over the simulated network, and either may be lost.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.domain.errors import MeridianError, Unavailable
from shared.domain.ids import NodeId
from shared.events.message import Message, Reply, Request
from shared.messaging.middleware import Silent
from shared.messaging.publisher import unwrap_reply
from tests.simulation.failover.master import Master
from tests.simulation.site.process import Process

if TYPE_CHECKING:
    from tests.simulation.site.site import Site

Answer = Message | MeridianError
Answered = Callable[[Answer], None]


class Questions:
    """The questions that are on their way at a site."""

    def __init__(self, site: "Site") -> None:
        self._site = site

    def ask(self, requester: Master, request: Request[Any], answered: Answered) -> None:
        """Ask the node that *request* names; *answered* gets the answer, or the error."""
        node = NodeId(getattr(request, "node"))  # noqa: B009
        other = self._site.masters.get(node, self._site.traffic_node)
        self._site.carry(requester, other, self._hear, requester, other, request, answered)

    def _hear(
        self, requester: Master, other: Master, request: Request[Any], answered: Answered
    ) -> None:
        process = self._site.processes.get(other.node)
        if process is not None and not process.is_dead:
            process.begin(self._answer(requester, other, request, answered))

    async def _answer(
        self, requester: Master, other: Master, request: Request[Any], answered: Answered
    ) -> None:
        site = self._site
        services = site.services.get(other.node) or site.follows
        assert services is not None, "whoever has a process has services"
        try:
            answer: Answer = await services.answer(request)
        except Silent:
            return
        except MeridianError as error:
            answer = error
        site.carry(other, requester, answered, answer)


class Peers:
    """A process's way to ask the other masters."""

    def __init__(self, questions: Questions, process: Process) -> None:
        self._questions = questions
        self._process = process

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply:
        """The answer to *request*.

        Raises:
            Unavailable: nobody answered in time.
            MeridianError: the node refused.
        """
        reply: asyncio.Future[Answer] = self._process.create_future()
        self._questions.ask(self._process.master, request, partial(_settle, reply))
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await reply
        except TimeoutError as error:
            raise Unavailable("nobody answered in time") from error
        if isinstance(answer, MeridianError):
            raise answer
        return unwrap_reply(request, answer)


def _settle(reply: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not reply.done():
        reply.set_result(answer)
