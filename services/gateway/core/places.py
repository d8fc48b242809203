"""Decides who gets one of a bounded number of places, so that few holders cannot fill them all.

A holder may have at most a quarter of the places that are free (the dynamic threshold of
Choudhury and Hahne, 1998). So one holder alone gets a fifth of all, more holders get less each, and
the last places go to those who have none.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Final

SHARE: Final = 4


class Places:
    """*total* places, each of which one holder has until it gives it back."""

    def __init__(self, total: int) -> None:
        assert total > 0, "there is a place to take"
        self._free = total
        self._held: Counter[Hashable] = Counter()

    def take(self, holder: Hashable) -> bool:
        """Give *holder* one more place; False when its share of them, or every place, is taken."""
        if self._free <= SHARE * self._held[holder]:
            return False
        self._free -= 1
        self._held[holder] += 1
        return True

    def give_back(self, holder: Hashable) -> None:
        """Take back a place of *holder*."""
        assert self._held[holder] > 0, "only what was taken is given back"
        self._free += 1
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]
