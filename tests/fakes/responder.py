"""The publisher's side of request and reply without a broker."""

from abc import ABC, abstractmethod
from typing import Any

from shared.events.message import Message, Reply, Request
from shared.messaging.publisher import unwrap_reply


def require_sendable(request: Request[Any]) -> None:
    """Refuse what a real publisher cannot address, or what PostgreSQL behind it cannot store.

    Raises:
        ValueError: *request* holds such a value.
    """
    assert request.address
    if "\\u0000" in request.model_dump_json():
        raise ValueError("PostgreSQL takes no NUL character")


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
        require_sendable(request)
        return unwrap_reply(request, await self.respond(request, timeout_seconds))

    @abstractmethod
    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        """The reply, of the type that *request* declares.

        Raises:
            MeridianError: nobody answers in time, or with a refusal.
        """
