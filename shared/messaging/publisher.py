"""Publishes events and asks requests: each message's declaration gives address, type and errors."""

import asyncio
import logging
from typing import Any, Final, cast

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from shared.decoding.errors import Undecodable
from shared.domain.backoff import Backoff
from shared.domain.errors import BadSignature, Stopping, StoreUnavailable, Unavailable, from_code
from shared.events.message import ErrorReply, Event, Message, Reply, Request
from shared.messaging.middleware import PENDING, PendingRequest

UNHEARD_SECONDS: Final = 0.05
"""The pause before a request that reached nobody is sent again: somebody will listen soon."""

REFUSED: Final = Backoff(first_seconds=0.05, longest_seconds=0.4)
"""The pauses after answers that are none: whoever gave them is asked less and less often."""


LONGEST_PATIENCE: Final = 8
"""How many times longer than the first attempt a later one waits for its answer, at most."""


class _Unproven(Exception):
    """The answer that came is not signed by who may answer, or is malformed."""


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
        With *attempt_seconds* a request that is unanswered for so long is sent again, and so is one
        whose answer is that a database does not do it, or that the service stops: whoever was to
        answer may have died, or lost its database, and another member of its queue group will
        answer. Each further attempt waits twice as long as the one before, so that slow members
        are not asked ever faster. Only for requests that may be answered twice.

        Raises:
            Unavailable: nobody answered in time.
            MeridianError: the receiver refused; it is the error that it named.
        """
        refusals: list[Unavailable] = []
        try:
            async with asyncio.timeout(timeout_seconds):
                if attempt_seconds is None:
                    return unwrap_reply(request, await self._answer(request, timeout_seconds))
                return await self._ask_repeatedly(request, attempt_seconds, refusals)
        except (_Unproven, TimeoutError, NatsError, OSError) as error:
            silence = f"nobody answered on {request.address} within {timeout_seconds:g} s"
            raise (refusals[-1] if refusals else Unavailable(silence)) from error

    async def _ask_repeatedly(
        self, request: Request[Reply], attempt_seconds: float, refusals: list[Unavailable]
    ) -> Reply:
        """The first valid answer; *refusals* keeps the last refusal for want of a database."""
        patience = Backoff(attempt_seconds, attempt_seconds * LONGEST_PATIENCE)
        failures, silences = 0, 1
        while True:
            try:
                seconds = patience.pause_seconds(silences)
                return unwrap_reply(request, await self._answer(request, seconds))
            except (NatsTimeoutError, TimeoutError):
                silences += 1
                continue  # silence was pause enough
            except (Stopping, StoreUnavailable) as error:
                refusals[:] = [error]
            except _Unproven as error:
                self._log.debug("%s: %s", request.address, error.__cause__)
            failures += 1
            await asyncio.sleep(REFUSED.pause_seconds(failures))

    async def _answer(self, request: Request[Any], seconds: float) -> Message:
        """The answer to *request*, sent again while it reaches nobody.

        Raises:
            _Unproven: an answer came that is not signed by who may answer, or is malformed.
            TimeoutError, nats.errors.TimeoutError: no answer came within *seconds*.
        """
        while True:
            pending = PendingRequest(type(request))
            token = PENDING.set(pending)
            try:
                await self._broker.request(request, request.address, timeout=seconds)
            except (BadSignature, Undecodable) as error:
                raise _Unproven from error
            except (NoRespondersError, IncorrectState):  # nobody yet, or not connected yet
                await asyncio.sleep(UNHEARD_SECONDS)
            else:
                assert pending.answer is not None, "the signing layer decodes every answer"
                return pending.answer
            finally:
                PENDING.reset(token)


def unwrap_reply(request: Request[Reply], answer: Message) -> Reply:
    """Return *answer* as the reply type of *request*.

    Raises:
        MeridianError: *answer* is an `ErrorReply`, which names this error by its code.
    """
    if isinstance(answer, ErrorReply):
        raise from_code(answer.error_code, answer.message, **answer.attributes)
    assert isinstance(answer, request.reply), "the signing layer decodes what was declared"
    return cast("Reply", answer)
