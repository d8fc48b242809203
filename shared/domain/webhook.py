"""The progress of a webhook's deliveries."""

from dataclasses import dataclass
from enum import StrEnum


class WebhookState(StrEnum):
    """`failing` is tried again, less and less often, until it is done or its time is over."""

    DELIVERING = "delivering"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class WebhookProgress:
    """The progress of one webhook's deliveries; *waiting* counts what is not delivered yet."""

    webhook: str
    state: WebhookState
    waiting: int | None = None
    attempts: int = 0
    cause: str = ""
    last_delivered_unix_ms: int | None = None
