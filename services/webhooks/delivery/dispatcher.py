"""Delivers the events of one webhook: fetches each, posts it, and performs what the core decides.

Each webhook has its own dispatcher, so a receiver that is dead or hangs delays no other. An
unexpected error with one receiver counts as a failed attempt.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nats.errors import Error as NatsError

from services.webhooks.core.consumers import consumer_name
from services.webhooks.core.delivery import Delivered, GiveUp, Response, Retry, Verdict, decide
from services.webhooks.core.status import DeliveryStatus
from services.webhooks.delivery.consumers import Consumers, ConsumerSpec, EventQueue, StoredEvent
from services.webhooks.delivery.message import Delivery, build_delivery
from services.webhooks.delivery.post import Post
from shared.crypto.envelope import Verifier
from shared.decoding.errors import Undecodable
from shared.documents.webhook import WebhookDocument
from shared.domain.errors import BadSignature, Rejected, Unavailable
from shared.domain.ids import UnixMillis
from shared.domain.webhook import WebhookState
from shared.events.webhook import WebhookDeliveryFailed, WebhookStateChanged
from shared.messaging.ports import Emits
from shared.runtime.containment import Containment

PAUSE_SECONDS: Final = 0.5
HOUR: Final = 3_600.0
OWN: Final = "meridian.event.webhook."
"""The events that this service emits itself."""

_LOG: Final = logging.getLogger("meridian.webhooks")


@dataclass(frozen=True)
class DispatcherDependencies:
    """The things that dispatchers share: consumers, HTTP client, verifier and reports."""

    consumers: Consumers
    post: Post
    verifier: Verifier
    events: Emits
    unix_ms: Callable[[], UnixMillis]
    count: Callable[[str], None]
    reject: Callable[[Rejected], None]
    containment: Containment


@dataclass
class Dispatcher:
    """Delivers events to the receiver of one webhook."""

    name: str
    document: WebhookDocument
    secret: bytes
    dependencies: DispatcherDependencies
    status: DeliveryStatus = field(default_factory=DeliveryStatus)

    @property
    def consumer(self) -> str:
        """Return the name of this webhook's durable consumer."""
        return consumer_name(self.name, self.document)

    async def run(self) -> None:
        """Deliver until cancelled."""
        spec = ConsumerSpec(self.consumer, self.document.subjects, self.document.since)
        while True:
            try:
                async with self.dependencies.consumers.open(spec) as queue:
                    while True:
                        await self._deliver(queue)
            except (NatsError, Unavailable, OSError, TimeoutError) as error:
                _LOG.debug("webhook %s waits: %s", self.name, error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _deliver(self, queue: EventQueue) -> None:
        event = await queue.next()
        if event is None:
            return
        delivery = self._build_delivery(event)
        if delivery is None:
            await queue.done(event)
            return
        response = await self.dependencies.containment.attempt(
            "webhook", self.name, self._post(delivery), lambda cause: Response(None, cause)
        )
        await self._perform(queue, event, delivery, self._decide(event, response))

    def failed(self, cause: str) -> None:
        """Record that this dispatcher failed for *cause* and starts again."""
        before, attempts = self._state, self.status.attempts + 1
        if self.status.record(Retry(0.0, cause), attempts, self.dependencies.unix_ms()):
            self._report_state(before)

    def _build_delivery(self, event: StoredEvent) -> Delivery | None:
        """Build the delivery of *event*; None when no member of the cluster signed it."""
        try:
            return build_delivery(event, self.dependencies.verifier)
        except (BadSignature, Undecodable) as error:
            self.dependencies.reject(error)
        except Exception as error:  # noqa: BLE001 (one event of the stream stops no other)
            self.dependencies.containment.fault("webhook", self.name, error)
        return None

    async def _post(self, delivery: Delivery) -> Response:
        headers = delivery.headers(self.secret, self.dependencies.unix_ms())
        return await self.dependencies.post(self.document.url, headers, delivery.body)

    def _decide(self, event: StoredEvent, response: Response) -> Verdict:
        age = self.dependencies.unix_ms() / 1_000 - event.stored_at.timestamp()
        return decide(response, event.attempt, age, self.document.give_up_after_hours * HOUR)

    async def _perform(
        self, queue: EventQueue, event: StoredEvent, delivery: Delivery, verdict: Verdict
    ) -> None:
        before = self._state
        if self.status.record(verdict, event.attempt, self.dependencies.unix_ms()):
            self._report_state(before)
        match verdict:
            case Delivered():
                self.dependencies.count("delivered")
                await queue.done(event)
            case Retry(seconds=seconds):
                self.dependencies.count("failed")
                await queue.retry(event, seconds)
            case GiveUp(cause=cause):
                self.dependencies.count("given_up")
                self._report_loss(event, delivery, cause)
                await queue.done(event)

    @property
    def _state(self) -> WebhookState:
        return WebhookState.FAILING if self.status.is_failing else WebhookState.DELIVERING

    def _report_state(self, before: WebhookState) -> None:
        cause = self.status.cause or "the receiver took an event"
        self.dependencies.events.emit(
            WebhookStateChanged(webhook=self.name, state=self._state, previous=before, cause=cause)
        )

    def _report_loss(self, event: StoredEvent, delivery: Delivery, cause: str) -> None:
        if event.subject.startswith(OWN):
            return  # a loss of a loss of a loss would never end
        self.dependencies.events.emit(
            WebhookDeliveryFailed(
                webhook=self.name,
                event_subject=event.subject,
                event_id=delivery.id,
                attempts=event.attempt,
                cause=cause,
            )
        )
