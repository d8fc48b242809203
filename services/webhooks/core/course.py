"""How the deliveries of one webhook go: told once when it changes, and not at every attempt."""

from dataclasses import dataclass

from services.webhooks.core.delivery import Again, Delivered, GaveUp, Verdict
from shared.domain.ids import UnixMillis


@dataclass
class Course:
    """One webhook as it has gone so far."""

    is_failing: bool = False
    attempts: int = 0
    cause: str = ""
    last_delivered: UnixMillis | None = None

    def note(self, verdict: Verdict, attempt: int, at: UnixMillis) -> bool:
        """Take in what became of an attempt; whether the state changed by it."""
        was_failing = self.is_failing
        match verdict:
            case Delivered():
                self.is_failing, self.attempts, self.cause = False, 0, ""
                self.last_delivered = at
            case Again(cause=cause) | GaveUp(cause=cause):
                self.is_failing, self.attempts, self.cause = True, attempt, cause
        return self.is_failing != was_failing
