"""Counting what is refused, and saying it once a minute for each known sender.

A flood of forged messages costs one event a minute: all unknown senders are told of together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.domain.errors import BadSignature
from shared.domain.ids import Instant

MINUTE: Final = 60.0
UNKNOWN: Final = "unknown"
UNPROVEN: Final = frozenset({"unsigned", "unknown_key", "bad_mac", "malformed"})
"""Reasons under which the sender's name proves nothing."""

LARGEST_DIFFERENCE_MS: Final = 5_000
"""From here on a node's clock is told of, though its messages still pass."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """So many messages of one sender, refused for one reason."""

    sender: str
    reason: str
    count: int
    detail: str


@dataclass
class Rejections:
    """What was refused since the last report; *tell* is called with each report."""

    now: Callable[[], Instant]
    tell: Callable[[Rejection], None]
    count: Callable[[str], None]
    _counts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _told: dict[tuple[str, str], Instant] = field(default_factory=dict[tuple[str, str], Instant])

    def refused(self, error: BadSignature, sender: str) -> None:
        """A message that claimed to be from *sender* was refused for *error*."""
        reason = str(error.attributes.get("reason", error.code))
        self.count(reason)
        self._note(UNKNOWN if reason in UNPROVEN else sender, reason, error.message)

    def skewed(self, sender: str, milliseconds: int) -> None:
        """A message passed whose clock differs a lot."""
        if abs(milliseconds) >= LARGEST_DIFFERENCE_MS:
            detail = f"the clock of {sender} differs by {milliseconds / 1000:+.1f} s"
            self._note(sender, "clock_skew", detail)

    def _note(self, sender: str, reason: str, detail: str) -> None:
        key, now = (sender, reason), self.now()
        self._counts[key] = self._counts.get(key, 0) + 1
        if key not in self._told or now - self._told[key] >= MINUTE:
            self._told[key] = now
            self.tell(Rejection(sender, reason, self._counts.pop(key), detail))
