"""Decides which failures of something that is away are worth a line in the log.

While a server is away every attempt fails, and the same line each time would bury everything else.
An outage is worth one line for each cause, and one when it is over.
"""

from typing import Final

MOST_CAUSES: Final = 8
"""Causes of one outage that are worth a line; servers write some of them, each time another."""


class Outage:
    """The causes of one outage that were reported; empty while everything works."""

    def __init__(self) -> None:
        self._causes: set[str] = set()

    def is_worth_a_line(self, cause: str) -> bool:
        """Say whether a failure by *cause* is the first of its kind in this outage."""
        if cause in self._causes or len(self._causes) >= MOST_CAUSES:
            return False
        self._causes.add(cause)
        return True

    def end(self) -> bool:
        """Begin anew; say whether there was an outage."""
        was_out = bool(self._causes)
        self._causes.clear()
        return was_out
