"""Where each webhook's place in the stream is kept: a durable consumer with a name of its own.

The name follows from the webhook and from where it begins, so another `since` is another place,
and a webhook that was deleted and made again does not go on in the old one by chance.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from shared.documents.webhook import WebhookDocument

PREFIX: Final = "webhook-"
DIGITS: Final = 16


def place_of(webhook: str, document: WebhookDocument) -> str:
    """The consumer's name."""
    begins = "" if document.since is None else document.since.isoformat()
    digest = hashlib.sha256(f"{webhook}\n{begins}".encode()).hexdigest()
    return PREFIX + digest[:DIGITS]


def abandoned(places: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Which of the stream's consumers belonged to webhooks that are no more."""
    return sorted({each for each in places if each.startswith(PREFIX)} - set(wanted))
