"""What writers were told: each stamp, when it was proposed and acknowledged, and by whom.

Pure: the moments come from whoever writes. What a file of results says about time and loss is
decided here.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

PAUSE_SECONDS: Final = 1.0
"""Writers that hear nothing for longer are kept waiting by whatever was done to the primary."""

STEADY_SECONDS: Final = 3.0
"""So long without such a pause, and stamps are accepted for good."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A number that was acknowledged; *holders* are the servers that said they have it."""

    number: int
    proposed: float
    acknowledged: float
    holders: frozenset[str]


@dataclass
class History:
    """The acknowledged stamps of one site, in the order of their acknowledgements."""

    stamps: list[Stamp] = field(default_factory=list[Stamp])

    def add(self, stamp: Stamp) -> None:
        self.stamps.append(stamp)

    def so_far(self) -> "History":
        """What was acknowledged until now: only that can be found by who looks from now on."""
        return History(list(self.stamps))

    def first_without(self, server: str, since: float) -> float | None:
        """When the first stamp after *since* was acknowledged that *server* had no part in."""
        for stamp in self._after(since):
            if server not in stamp.holders:
                return stamp.acknowledged
        return None

    def longest_pause(self, begin: float, end: float) -> float:
        """The longest time between two acknowledgements from *begin* to *end*, or to either."""
        inside = [each.acknowledged for each in self._after(begin) if each.acknowledged <= end]
        return max(b - a for a, b in itertools.pairwise([begin, *inside, end]))

    def time_until_accepted(self, since: float) -> float | None:
        """How long no stamp was accepted after *since*; None: they are not accepted for good yet.

        It is the time from the last stamp before the first pause to the first one after the last
        pause; where none was longer than `PAUSE_SECONDS`, the longest time between two stamps.
        """
        moments = [since, *(stamp.acknowledged for stamp in self._after(since))]
        gaps = list(itertools.pairwise(moments))
        pauses = [gap for gap in gaps if gap[1] - gap[0] > PAUSE_SECONDS]
        again = pauses[-1][1] if pauses else since
        if moments[-1] - again < STEADY_SECONDS:
            return None
        return again - pauses[0][0] if pauses else max(after - before for before, after in gaps)

    def is_pausing(self, now: float) -> bool:
        """Whether the last acknowledgement is longer ago than writers are ever kept waiting."""
        return not self.stamps or now - self.stamps[-1].acknowledged > PAUSE_SECONDS

    def per_second(self) -> float:
        """How many stamps were acknowledged in a second, pauses and all."""
        if len(self.stamps) <= 1:
            return 0.0
        seconds = self.stamps[-1].acknowledged - self.stamps[0].acknowledged
        return (len(self.stamps) - 1) / seconds

    def lost(self, found: Iterable[int]) -> frozenset[int]:
        """What was acknowledged and is not among *found*."""
        return frozenset(stamp.number for stamp in self.stamps) - frozenset(found)

    def _after(self, moment: float) -> list[Stamp]:
        later: list[Stamp] = []
        for stamp in reversed(self.stamps):
            if stamp.acknowledged <= moment:
                break
            later.append(stamp)
        return later[::-1]
