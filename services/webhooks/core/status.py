"""Records how one webhook's deliveries go; reports a change of state once, not every attempt."""

from dataclasses import dataclass

from services.webhooks.core.delivery import Delivered, GiveUp, Retry, Verdict
from shared.domain.ids import UnixMillis


@dataclass
class DeliveryStatus:
    """The outcome of the last attempt, and when the last delivery was."""

    is_failing: bool = False
    attempts: int = 0
    cause: str = ""
    last_delivered: UnixMillis | None = None

    def record(self, verdict: Verdict, attempt: int, at: UnixMillis) -> bool:
        """Record the outcome of an attempt; say whether the state changed."""
        was_failing = self.is_failing
        match verdict:
            case Delivered():
                self.is_failing, self.attempts, self.cause = False, 0, ""
                self.last_delivered = at
            case Retry(cause=cause) | GiveUp(cause=cause):
                self.is_failing, self.attempts, self.cause = True, attempt, cause
        return self.is_failing != was_failing
