"""Runs one dispatcher for each enabled webhook while this master is primary."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from nats.errors import Error as NatsError
from pydantic import ValidationError

from services.webhooks.core.consumers import consumer_name, orphaned_consumers
from services.webhooks.delivery.dispatcher import Dispatcher, DispatcherDependencies
from shared.documents import Kind
from shared.documents.webhook import WebhookDocument
from shared.domain.document import Document
from shared.domain.errors import MeridianError
from shared.domain.ids import Revision
from shared.domain.webhook import WebhookProgress, WebhookState
from shared.events.config import ReadDocuments
from shared.messaging.ports import Asks
from shared.messaging.reading import read_documents
from shared.runtime.waiting import wait_at_most

EVERY_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.5
READ_SECONDS: Final = 2.0
_LOG: Final = logging.getLogger("meridian.webhooks")


class ReadWebhooks(Protocol):
    """Reads the webhooks that config has at *at_least* or later, with the revision read."""

    async def __call__(self, at_least: Revision) -> tuple[Sequence[Document], Revision]: ...


def reader_of(publisher: Asks) -> ReadWebhooks:
    """Build a reader that asks any master's config."""

    async def read(at_least: Revision) -> tuple[Sequence[Document], Revision]:
        question = ReadDocuments(kinds=(Kind.WEBHOOK,), at_least=at_least)
        answer = await read_documents(
            publisher, question, page_seconds=READ_SECONDS, attempt_seconds=READ_SECONDS / 4
        )
        return answer.documents, answer.revision

    return read


class DispatcherPool:
    """Starts and stops dispatchers as the documents say; none runs without the grant."""

    def __init__(
        self,
        read: ReadWebhooks,
        dependencies: DispatcherDependencies,
        secret_of: Callable[[str, int], bytes],
        may_act: Callable[[], bool],
    ) -> None:
        self._read = read
        self._dependencies = dependencies
        self._secret_of = secret_of
        self._may_act = may_act
        self._changed = asyncio.Event()
        self._newest = Revision(0)
        self._running: dict[str, tuple[Dispatcher, asyncio.Task[None]]] = {}

    def record_revision(self, revision: Revision | None) -> None:
        """Note that a master has applied *revision*."""
        if revision is not None and revision > self._newest:
            self._newest = revision
            self._changed.set()

    async def run(self) -> None:
        """Keep the dispatchers as the documents say, until cancelled."""
        try:
            while True:
                self._changed.clear()
                pause = EVERY_SECONDS
                try:
                    await self._synchronize()
                except (MeridianError, NatsError, OSError, TimeoutError) as error:
                    _LOG.debug("the webhooks were not read: %s", error)
                    pause = PAUSE_SECONDS
                await self._wait(pause)
        finally:
            await self._stop(list(self._running))

    async def progress(self) -> tuple[WebhookProgress, ...]:
        """Report how the deliveries of each webhook go."""
        return tuple(
            [await self._progress_of(dispatcher) for dispatcher, _ in self._running.values()]
        )

    async def _wait(self, seconds: float) -> None:
        await wait_at_most(self._changed, seconds if self._may_act() else PAUSE_SECONDS)

    async def _synchronize(self) -> None:
        if not self._may_act():
            await self._stop(list(self._running))
            return
        found, revision = await self._read(self._newest)
        self._newest = max(self._newest, revision)
        documents = _readable(found)
        wanted = {name: each for name, each in documents.items() if each.enabled}
        await self._stop(
            [
                name
                for name, (dispatcher, _) in self._running.items()
                if wanted.get(name) != dispatcher.document
            ]
        )
        for name in wanted.keys() - self._running.keys():
            try:
                self._start(name, wanted[name])
            except Exception as error:  # noqa: BLE001 (one webhook keeps no other from its receiver)
                self._dependencies.containment.fault("webhook", name, error)
        await self._delete_orphans(documents)

    def _start(self, name: str, document: WebhookDocument) -> None:
        secret = self._secret_of(name, document.secret_number)
        dispatcher = Dispatcher(name, document, secret, self._dependencies)
        task = self._dependencies.containment.keep(
            "webhook", name, dispatcher.run, dispatcher.failed
        )
        self._running[name] = dispatcher, task

    async def _stop(self, names: list[str]) -> None:
        for name in names:
            _, task = self._running.pop(name)
            task.cancel()
            await asyncio.wait({task})

    async def _delete_orphans(self, documents: dict[str, WebhookDocument]) -> None:
        """Delete the consumers of webhooks that are gone; a disabled webhook keeps its own."""
        consumers = self._dependencies.consumers
        wanted = [consumer_name(name, document) for name, document in documents.items()]
        for name in orphaned_consumers(await consumers.names(), wanted):
            await consumers.delete(name)

    async def _progress_of(self, dispatcher: Dispatcher) -> WebhookProgress:
        waiting: int | None = None
        with contextlib.suppress(MeridianError, NatsError, OSError, TimeoutError):
            waiting = await self._dependencies.consumers.waiting(dispatcher.consumer)
        status = dispatcher.status
        return WebhookProgress(
            webhook=dispatcher.name,
            state=WebhookState.FAILING if status.is_failing else WebhookState.DELIVERING,
            waiting=waiting,
            attempts=status.attempts,
            cause=status.cause,
            last_delivered_unix_ms=status.last_delivered,
        )


def _readable(found: Sequence[Document]) -> dict[str, WebhookDocument]:
    documents: dict[str, WebhookDocument] = {}
    for each in found:
        try:
            documents[each.id] = WebhookDocument.model_validate(each.body, extra="ignore")
        except ValidationError as error:
            _LOG.warning("webhook %s cannot be read by this version: %s", each.id, error)
    return documents
