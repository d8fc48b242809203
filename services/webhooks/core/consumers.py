"""Names the durable consumers that keep how far each webhook's deliveries are.

The name follows from the webhook and from its `since`: a webhook that is deleted and created again
with another `since` does not go on where the old one stopped.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from shared.documents.webhook import WebhookDocument

PREFIX: Final = "webhook-"
DIGITS: Final = 16


def consumer_name(webhook: str, document: WebhookDocument) -> str:
    """Name the durable consumer of *webhook*."""
    begins = "" if document.since is None else document.since.isoformat()
    digest = hashlib.sha256(f"{webhook}\n{begins}".encode()).hexdigest()
    return PREFIX + digest[:DIGITS]


def orphaned_consumers(consumers: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """List those of *consumers* that belong to webhooks which are gone."""
    return sorted({each for each in consumers if each.startswith(PREFIX)} - set(wanted))
