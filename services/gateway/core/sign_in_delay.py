"""Decides how long the answer to a sign-in waits: the longer, the more often its user failed.

Failures of a user count from all networks together. Up to the fourth the answer comes at once; the
answer to the fifth waits 100 ms, and each further one twice as long, up to 3 s:

    min(2^n x 100 ms, 3 s), where n is the number of failures beyond the fifth

The attempt itself counts as a failure until its outcome is known. So the right password waits as
long as a wrong one, and of many attempts at the same time each waits longer than the one before. A
failure is forgiven every three minutes. A user who does not exist fails like one who does.
"""

from typing import Final

from services.gateway.core.leaky_buckets import LeakyBuckets
from shared.domain.ids import Instant

FREE_FAILURES: Final = 4
FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 3.0
FORGIVEN_SECONDS: Final = 180.0
MOST_FAILURES: Final = 20
"""More are not counted, so every user is forgiven within an hour."""


def delay_seconds(failures: int) -> float:
    """Return how long the answer waits to what may be failure number *failures* of a user."""
    if failures <= FREE_FAILURES:
        return 0.0
    doublings: int = 2 ** min(failures - FREE_FAILURES - 1, MOST_FAILURES)
    return min(doublings * FIRST_SECONDS, LONGEST_SECONDS)


class UserFailures:
    """Counts the failures of each user, those whose outcome is not known yet among them."""

    def __init__(self) -> None:
        self._buckets = LeakyBuckets(leak_seconds=FORGIVEN_SECONDS, capacity=MOST_FAILURES)

    def take(self, user: str, now: Instant) -> float:
        """Count a failure of *user*; return how long the answer waits, in seconds."""
        self._buckets.add(user, now)
        return delay_seconds(self._buckets.level(user, now))

    def give_back(self, user: str, taken: Instant, now: Instant) -> None:
        """Take back a failure of *user* that was *taken* and was none."""
        self._buckets.remove(user, taken, now)
