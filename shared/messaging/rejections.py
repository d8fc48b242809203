"""Counting what is refused, and saying it once a minute for each known sender.

The first refusal is told at once, those of the next minute together when it is over. A flood of
forged messages costs one event a minute: all unknown senders are told of together, and so are
all beyond the hundreds that are told of by name.
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
"""Senders and reasons that are told of by name at one time."""

UNPROVEN: Final = frozenset(
    {"unsigned", "unknown_key", "bad_mac", "malformed", "unknown_subject", "unasked", "bad_reply"}
)
"""Reasons under which the sender's name proves nothing."""

LARGEST_DIFFERENCE_MS: Final = 5_000
"""From here on a message's age by our clock is told of, though the message still passes."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """So many messages of one sender, refused for one reason."""

    sender: str
    reason: str
    count: int
    detail: str


@dataclass(slots=True)
class Tally:
    """What was held back of one sender and reason since *told*."""

    told: Instant
    detail: str
    count: int = 0


@dataclass
class Rejections:
    """What was refused since the last report; *tell* is called with each report."""

    now: Callable[[], Instant]
    tell: Callable[[Rejection], None]
    count: Callable[[str], None]
    _tallies: dict[tuple[str, str], Tally] = field(default_factory=dict[tuple[str, str], Tally])

    def refused(self, error: MeridianError, sender: str = UNKNOWN) -> None:
        """A message or a stored value that claimed to be from *sender* was refused for *error*."""
        reason = str(error.attributes.get("reason", error.code))
        self.count(reason)
        self._note(UNKNOWN if reason in UNPROVEN else sender, reason, error.message)

    def late_or_skewed(self, sender: str, milliseconds: int) -> None:
        """A message passed whose stamp differs from our clock by so many *milliseconds*.

        One message cannot tell a slow way from a wrong clock.
        """
        if abs(milliseconds) >= LARGEST_DIFFERENCE_MS:
            detail = (
                f"a message of {sender} was accepted though its stamp differs from our clock by "
                f"{milliseconds / 1000:+.1f} s: it came late, or the clocks differ"
            )
            self._note(sender, "late_or_skewed", detail)

    def report(self) -> None:
        """Tell what was held back for a minute, and forget who went silent; call it regularly."""
        now = self.now()
        for (sender, reason), tally in list(self._tallies.items()):
            if now - tally.told < MINUTE:
                continue
            if tally.count:
                self._tell(sender, reason, tally)
            else:
                del self._tallies[sender, reason]

    def _note(self, sender: str, reason: str, detail: str) -> None:
        if (sender, reason) not in self._tallies and len(self._tallies) >= NAMED:
            sender = OTHERS
        tally = self._tallies.setdefault(
            (sender, reason), Tally(Instant(self.now() - MINUTE), detail)
        )
        tally.count += 1
        tally.detail = one_line(detail, SENTENCE)
        if self.now() - tally.told >= MINUTE:
            self._tell(sender, reason, tally)

    def _tell(self, sender: str, reason: str, tally: Tally) -> None:
        count, tally.count, tally.told = tally.count, 0, self.now()
        self.tell(Rejection(sender, reason, count, tally.detail))
