"""The publisher's side of request and reply without a broker."""

from abc import ABC, abstractmethod
from typing import Any

from shared.events.message import Message, Reply, Request
from shared.messaging.publisher import unwrap_reply


class Responder(ABC):
    """Replies to each request as a test's `respond` says; an `ErrorReply` is raised, as ever."""

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply:
        del attempt_seconds
        return unwrap_reply(request, await self.respond(request, timeout_seconds))

    @abstractmethod
    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        """The reply, of the type that *request* declares.

        Raises:
            MeridianError: nobody answers in time, or with a refusal.
        """
