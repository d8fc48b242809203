"""One webhook's deliveries: takes an event in hand, posts it, and does what the core decides.

Each webhook has a postman of its own, so a receiver that is dead or hangs delays no other. What
goes wrong with one receiver in a way that nobody foresaw is a failed attempt like any other.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nats.errors import Error as NatsError

from services.webhooks.core.course import Course
from services.webhooks.core.delivery import Again, Answer, Delivered, GaveUp, Verdict, verdict
from services.webhooks.core.places import place_of
from services.webhooks.letter import Letter, letter
from services.webhooks.post import Post
from services.webhooks.store import Beginning, Hand, Kept, Places
from shared.crypto.envelope import Verifier
from shared.decoding.errors import Undecodable
from shared.documents.webhook import WebhookDocument
from shared.domain.errors import BadSignature, Rejected, Unavailable
from shared.domain.ids import UnixMillis
from shared.events.webhook import WebhookDeliveryFailed, WebhookState, WebhookStateChanged
from shared.messaging.ports import Emits
from shared.runtime.containment import Containment

PAUSE_SECONDS: Final = 0.5
HOUR: Final = 3_600.0
OWN: Final = "meridian.event.webhook."
"""What webhooks themselves are told of."""

_LOG: Final = logging.getLogger("meridian.webhooks")


@dataclass(frozen=True)
class Outfit:
    """What every postman has from the service."""

    places: Places
    post: Post
    verifier: Verifier
    events: Emits
    unix_ms: Callable[[], UnixMillis]
    count: Callable[[str], None]
    refused: Callable[[Rejected], None]
    containment: Containment


@dataclass
class Postman:
    """Delivers to one receiver."""

    name: str
    document: WebhookDocument
    secret: bytes
    outfit: Outfit
    course: Course = field(default_factory=Course)

    @property
    def place(self) -> str:
        return place_of(self.name, self.document)

    async def run(self) -> None:
        """Deliver, for ever."""
        beginning = Beginning(self.place, self.document.subjects, self.document.since)
        while True:
            try:
                async with self.outfit.places.at(beginning) as hand:
                    while True:
                        await self._deliver(hand)
            except (NatsError, Unavailable, OSError, TimeoutError) as error:
                _LOG.debug("webhook %s waits: %s", self.name, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _deliver(self, hand: Hand) -> None:
        event = await hand.next()
        if event is None:
            return
        made = self._letter(event)
        if made is None:
            await hand.done(event)
            return
        answer = await self.outfit.containment.attempt(
            "webhook", self.name, self._post(made), lambda cause: Answer(None, cause)
        )
        await self._do(hand, event, made, self._judge(event, answer))

    def failed(self, cause: str) -> None:
        """The delivery itself failed for *cause*, and is begun anew."""
        before, attempts = self._state, self.course.attempts + 1
        if self.course.note(Again(0.0, cause), attempts, self.outfit.unix_ms()):
            self._tell_state(before)

    def _letter(self, event: Kept) -> Letter | None:
        """The letter for *event*; None for one that nobody of the cluster said."""
        try:
            return letter(event, self.outfit.verifier)
        except (BadSignature, Undecodable) as error:
            self.outfit.refused(error)
        except Exception as error:  # noqa: BLE001 (one event of the stream stops no other)
            self.outfit.containment.fault("webhook", self.name, error)
        return None

    async def _post(self, made: Letter) -> Answer:
        headers = made.headers(self.secret, self.outfit.unix_ms())
        return await self.outfit.post(self.document.url, headers, made.body)

    def _judge(self, event: Kept, answer: Answer) -> Verdict:
        age = self.outfit.unix_ms() / 1_000 - event.stored_at.timestamp()
        return verdict(answer, event.attempt, age, self.document.give_up_after_hours * HOUR)

    async def _do(self, hand: Hand, event: Kept, made: Letter, decided: Verdict) -> None:
        before = self._state
        if self.course.note(decided, event.attempt, self.outfit.unix_ms()):
            self._tell_state(before)
        match decided:
            case Delivered():
                self.outfit.count("delivered")
                await hand.done(event)
            case Again(seconds=seconds):
                self.outfit.count("failed")
                await hand.again(event, seconds)
            case GaveUp(cause=cause):
                self.outfit.count("given_up")
                self._tell_loss(event, made, cause)
                await hand.done(event)

    @property
    def _state(self) -> WebhookState:
        return WebhookState.FAILING if self.course.is_failing else WebhookState.DELIVERING

    def _tell_state(self, before: WebhookState) -> None:
        cause = self.course.cause or "the receiver took an event"
        self.outfit.events.emit(
            WebhookStateChanged(webhook=self.name, state=self._state, previous=before, cause=cause)
        )

    def _tell_loss(self, event: Kept, made: Letter, cause: str) -> None:
        if event.subject.startswith(OWN):
            return  # a loss of a loss of a loss would never end
        self.outfit.events.emit(
            WebhookDeliveryFailed(
                webhook=self.name,
                event_subject=event.subject,
                event_id=made.id,
                attempts=event.attempt,
                cause=cause,
            )
        )
