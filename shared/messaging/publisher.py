"""Saying and asking: addresses, types and errors come from the message's own declaration."""

import asyncio
import logging
from typing import Final

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from pydantic import ValidationError

from shared.domain.errors import BadSignature, StoreUnavailable, Unavailable, from_code
from shared.events.message import ErrorReply, Event, Message, Request
from shared.messaging.middleware import ASKED, Asked

PAUSE_SECONDS: Final = 0.05
REFUSAL: Final = b'{"error_code":'
"""How an `ErrorReply` begins; a test holds that no other answer does."""


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
        self, request: Request, *, timeout_seconds: float, attempt_seconds: float | None = None
    ) -> Message:
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
                    body = await self._answer(request, attempt_seconds, timeout_seconds)
                    try:
                        return read_reply(request, body)
                    except StoreUnavailable as error:
                        if attempt_seconds is None:
                            raise
                        last = error
                    await asyncio.sleep(PAUSE_SECONDS)
        except (TimeoutError, NatsError, OSError) as error:
            silence = f"nobody answered on {request.address} within {timeout_seconds:g} s"
            raise last or Unavailable(silence) from error

    async def _answer(
        self, request: Request, attempt_seconds: float | None, longest_seconds: float
    ) -> bytes:
        while True:
            token = ASKED.set(Asked("", type(request)))
            try:
                message = await self._broker.request(
                    request, request.address, timeout=attempt_seconds or longest_seconds
                )
            except (NatsTimeoutError, TimeoutError):
                if attempt_seconds is None:
                    raise
            except BadSignature:
                if attempt_seconds is None:  # it was sent: only the true answer may come now
                    raise TimeoutError from None
            except (NoRespondersError, IncorrectState):  # nobody yet, or not connected yet
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return bytes(message.body)
            finally:
                ASKED.reset(token)


def read_reply(request: Request, body: bytes) -> Message:
    """The answer in *body*.

    Raises:
        MeridianError: it is an error, named by its code.
        Unavailable: it cannot be read.
    """
    try:
        if not body.startswith(REFUSAL):
            return request.reply.model_validate_json(body)
        refusal = ErrorReply.model_validate_json(body)
        raise from_code(refusal.error_code, refusal.message, **refusal.attributes)
    except ValidationError as error:
        raise Unavailable(f"the answer on {request.address} cannot be read") from error
