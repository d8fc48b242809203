"""Reads what the configuration lacks of a webhook: its secret and its deliveries' progress."""

from collections.abc import Callable
from typing import Final

from services.gateway.configuration.reader import ConfigurationReader
from shared.crypto.webhooks import shown_secret
from shared.documents import Kind
from shared.documents.webhook import WebhookDocument
from shared.domain.errors import NotFound
from shared.domain.webhook import WebhookProgress
from shared.events.webhook import ReadWebhooksProgress
from shared.messaging.ports import Asks

READ_SECONDS: Final = 5.0

DeriveSecret = Callable[[str, int], bytes]
"""Derives the secret of a webhook from its name and the number of its secret."""


class Webhooks:
    """Secrets and deliveries of the webhooks."""

    def __init__(
        self, reader: ConfigurationReader, publisher: Asks, derive_secret: DeriveSecret
    ) -> None:
        self._reader = reader
        self._publisher = publisher
        self._derive_secret = derive_secret

    async def secret(self, name: str) -> str:
        """Return the secret that signs the deliveries of the webhook *name*.

        Raises:
            NotFound: there is no such webhook.
        """
        found = await self._reader.read(Kind.WEBHOOK, id_=name)
        for document in found.documents:
            number = WebhookDocument.model_validate(document.body).secret_number
            return shown_secret(self._derive_secret(name, number))
        raise NotFound(f"there is no webhook {name!r}", kind=Kind.WEBHOOK, id=name)

    async def progress(self, name: str) -> WebhookProgress:
        """Return how far the deliveries of the webhook *name* are.

        Raises:
            NotFound: no enabled webhook has that name.
        """
        answer = await self._publisher.ask(ReadWebhooksProgress(), timeout_seconds=READ_SECONDS)
        for each in answer.webhooks:
            if each.webhook == name:
                return each
        raise NotFound(f"there is no enabled webhook {name!r}", kind=Kind.WEBHOOK, id=name)
