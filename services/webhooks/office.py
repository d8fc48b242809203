"""Which webhooks there are, and a postman for each, while this master is primary."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from nats.errors import Error as NatsError
from pydantic import ValidationError

from services.webhooks.core.places import abandoned
from services.webhooks.postman import Outfit, Postman
from shared.documents import Kind
from shared.documents.webhook import WebhookDocument
from shared.domain.errors import MeridianError
from shared.domain.ids import Revision
from shared.events.config import ReadDocuments, StoredDocument
from shared.events.webhook import WebhookProgress, WebhookState
from shared.messaging.ports import Asks
from shared.messaging.reading import read_documents
from shared.runtime.waiting import wait_at_most

EVERY_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.5
READ_SECONDS: Final = 2.0
_LOG: Final = logging.getLogger("meridian.webhooks")


class Reads(Protocol):
    """Asks config for the webhooks."""

    async def __call__(self, at_least: Revision) -> tuple[Sequence[StoredDocument], Revision]: ...


def reads_by(publisher: Asks) -> Reads:
    """Read from any master's config."""

    async def read(at_least: Revision) -> tuple[Sequence[StoredDocument], Revision]:
        question = ReadDocuments(kinds=(Kind.WEBHOOK,), at_least=at_least)
        answer = await read_documents(
            publisher, question, page_seconds=READ_SECONDS, attempt_seconds=READ_SECONDS / 4
        )
        return answer.documents, answer.revision

    return read


class Office:
    """Employs a postman for each webhook that is enabled; nobody works without the grant."""

    def __init__(
        self,
        reads: Reads,
        outfit: Outfit,
        secret_of: Callable[[str, int], bytes],
        may_act: Callable[[], bool],
    ) -> None:
        self._reads = reads
        self._outfit = outfit
        self._secret_of = secret_of
        self._may_act = may_act
        self._wanted = asyncio.Event()
        self._newest = Revision(0)
        self._working: dict[str, tuple[Postman, asyncio.Task[None]]] = {}

    def heard(self, revision: Revision | None) -> None:
        """A master told that it has applied *revision*."""
        if revision is not None and revision > self._newest:
            self._newest = revision
            self._wanted.set()

    async def run(self) -> None:
        """Keep the postmen as the documents are, for ever."""
        try:
            while True:
                self._wanted.clear()
                pause = EVERY_SECONDS
                try:
                    await self._look()
                except (MeridianError, NatsError, OSError, TimeoutError) as error:
                    _LOG.debug("the webhooks were not read: %s", error)
                    pause = PAUSE_SECONDS
                await self._wait(pause)
        finally:
            await self._dismiss(list(self._working))

    async def progress(self) -> tuple[WebhookProgress, ...]:
        """How the deliveries go."""
        return tuple([await self._told(postman) for postman, _ in self._working.values()])

    async def _wait(self, seconds: float) -> None:
        await wait_at_most(self._wanted, seconds if self._may_act() else PAUSE_SECONDS)

    async def _look(self) -> None:
        if not self._may_act():
            await self._dismiss(list(self._working))
            return
        found, revision = await self._reads(self._newest)
        self._newest = max(self._newest, revision)
        documents = _readable(found)
        wanted = {name: each for name, each in documents.items() if each.enabled}
        await self._dismiss(
            [
                name
                for name, (postman, _) in self._working.items()
                if wanted.get(name) != postman.document
            ]
        )
        for name in wanted.keys() - self._working.keys():
            try:
                self._employ(name, wanted[name])
            except Exception as error:  # noqa: BLE001 (one webhook keeps no other from its receiver)
                self._outfit.containment.fault("webhook", name, error)
        await self._forget(documents)

    def _employ(self, name: str, document: WebhookDocument) -> None:
        secret = self._secret_of(name, document.secret_number)
        postman = Postman(name, document, secret, self._outfit)
        task = self._outfit.containment.keep("webhook", name, postman.run, postman.failed)
        self._working[name] = postman, task

    async def _dismiss(self, names: list[str]) -> None:
        for name in names:
            _, task = self._working.pop(name)
            task.cancel()
            await asyncio.wait({task})

    async def _forget(self, documents: dict[str, WebhookDocument]) -> None:
        """Drop the places of webhooks that are gone; one that is only disabled keeps its own."""
        wanted = [Postman(name, each, b"", self._outfit).place for name, each in documents.items()]
        for place in abandoned(await self._outfit.places.names(), wanted):
            await self._outfit.places.drop(place)

    async def _told(self, postman: Postman) -> WebhookProgress:
        waiting: int | None = None
        with contextlib.suppress(MeridianError, NatsError, OSError, TimeoutError):
            waiting = await self._outfit.places.waiting(postman.place)
        course = postman.course
        return WebhookProgress(
            webhook=postman.name,
            state=WebhookState.FAILING if course.is_failing else WebhookState.DELIVERING,
            waiting=waiting,
            attempts=course.attempts,
            cause=course.cause,
            last_delivered_unix_ms=course.last_delivered,
        )


def _readable(found: Sequence[StoredDocument]) -> dict[str, WebhookDocument]:
    documents: dict[str, WebhookDocument] = {}
    for each in found:
        try:
            documents[each.id] = WebhookDocument.model_validate(each.body, extra="ignore")
        except ValidationError as error:
            _LOG.warning("webhook %s cannot be read by this version: %s", each.id, error)
    return documents
