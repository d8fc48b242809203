"""Counts refused messages and reports them once a minute for each known sender.

The first refusal is reported at once, those of the next minute together when it is over. A flood of
forged messages costs one event a minute: all unknown senders are reported together, and so are
all beyond the hundreds that are reported by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.decoding.text import one_line
from shared.domain.errors import MeridianError
from shared.domain.ids import Instant

MINUTE: Final = 60.0
UNKNOWN: Final = "unknown"
OTHERS: Final = "others"
SENTENCE: Final = 500
"""Characters of a refusal that are reported: parts of them are what a stranger wrote."""

NAMED: Final = 512
"""Senders and reasons that are reported by name at one time."""

UNPROVEN: Final = frozenset(
    {"unsigned", "unknown_key", "bad_mac", "malformed", "unknown_subject", "unasked", "bad_reply"}
)
"""Reasons under which the sender's name proves nothing."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Messages of one sender that were refused for one reason, and how many."""

    sender: str
    reason: str
    count: int
    detail: str


@dataclass(slots=True)
class RejectionCount:
    """Counts what was not reported yet of one sender and reason since *reported_at*."""

    reported_at: Instant
    detail: str
    count: int = 0


@dataclass
class Rejections:
    """Counts refusals since the last report; *notify* is called with each report."""

    now: Callable[[], Instant]
    notify: Callable[[Rejection], None]
    count: Callable[[str], None]
    _tallies: dict[tuple[str, str], RejectionCount] = field(
        default_factory=dict[tuple[str, str], RejectionCount]
    )

    def record(self, error: MeridianError, sender: str = UNKNOWN) -> None:
        """Record that something that claimed to be from *sender* was refused for *error*."""
        reason = str(error.attributes.get("reason", error.code))
        self.count(reason)
        self._note(UNKNOWN if reason in UNPROVEN else sender, reason, error.message)

    def report(self) -> None:
        """Report what waited for a minute, and forget silent senders; call it regularly."""
        now = self.now()
        for (sender, reason), tally in list(self._tallies.items()):
            if now - tally.reported_at < MINUTE:
                continue
            if tally.count:
                self._report(sender, reason, tally)
            else:
                del self._tallies[sender, reason]

    def _note(self, sender: str, reason: str, detail: str) -> None:
        if (sender, reason) not in self._tallies and len(self._tallies) >= NAMED:
            sender = OTHERS
        tally = self._tallies.setdefault(
            (sender, reason), RejectionCount(Instant(self.now() - MINUTE), detail)
        )
        tally.count += 1
        tally.detail = one_line(detail, SENTENCE)
        if self.now() - tally.reported_at >= MINUTE:
            self._report(sender, reason, tally)

    def _report(self, sender: str, reason: str, tally: RejectionCount) -> None:
        count, tally.count, tally.reported_at = tally.count, 0, self.now()
        self.notify(Rejection(sender, reason, count, tally.detail))
