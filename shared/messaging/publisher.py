"""Saying and asking: addresses, types and errors come from the message's own declaration."""

import asyncio
import logging
from typing import Any, Final, cast

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature, StoreUnavailable, Unavailable, from_code
from shared.events.message import ErrorReply, Event, Message, Reply, Request
from shared.messaging.middleware import PENDING, PendingRequest

PAUSE_SECONDS: Final = 0.05


class Publisher:
    """Publishes events and asks requests through the signed broker."""

    def __init__(self, broker: NatsBroker) -> None:
        self._broker = broker
        self._log = logging.getLogger("meridian.publisher")

    async def publish(self, event: Event) -> None:
        """Send *event*; while there is no connection it is lost, as every live event may be."""
        try:
            await self._broker.publish(event, event.address)
        except (NatsError, OSError, IncorrectState) as error:
            self._log.debug("%s was not sent: %s", event.address, error)

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply:
        """The answer to *request*, of its reply type.

        While nobody listens the request is sent again until somebody does: it reached nobody.
        With *attempt_seconds* an unanswered request is sent again that often, and so is one whose
        answer is that a database does not do it: whoever was to answer may have died, or lost its
        database, and another member of its queue group will answer. Only for requests that may be
        answered twice.

        Raises:
            Unavailable: nobody answered in time.
            MeridianError: the one who answered said no; it is the error that was named.
        """
        last: Unavailable | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    answer = await self._answer(request, attempt_seconds, timeout_seconds)
                    try:
                        return unwrap_reply(request, answer)
                    except StoreUnavailable as error:
                        if attempt_seconds is None:
                            raise
                        last = error
                    await asyncio.sleep(PAUSE_SECONDS)
        except (TimeoutError, NatsError, OSError) as error:
            silence = f"nobody answered on {request.address} within {timeout_seconds:g} s"
            raise last or Unavailable(silence) from error

    async def _answer(
        self, request: Request[Any], attempt_seconds: float | None, longest_seconds: float
    ) -> Message:
        while True:
            pending = PendingRequest(type(request))
            token = PENDING.set(pending)
            try:
                await self._broker.request(
                    request, request.address, timeout=attempt_seconds or longest_seconds
                )
            except (NatsTimeoutError, TimeoutError):
                if attempt_seconds is None:
                    raise
            except (BadSignature, Undecodable):  # counted where it came in; it is no answer
                if attempt_seconds is None:  # it was sent: only the true answer may come now
                    raise TimeoutError from None
            except (NoRespondersError, IncorrectState):  # nobody yet, or not connected yet
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                assert pending.answer is not None, "the signing layer decodes every answer"
                return pending.answer
            finally:
                PENDING.reset(token)


def unwrap_reply(request: Request[Reply], answer: Message) -> Reply:
    """*answer* as the reply type of *request*.

    Raises:
        MeridianError: *answer* is an `ErrorReply`, which names this error by its code.
    """
    if isinstance(answer, ErrorReply):
        raise from_code(answer.error_code, answer.message, **answer.attributes)
    assert isinstance(answer, request.reply), "the signing layer decodes what was declared"
    return cast("Reply", answer)
