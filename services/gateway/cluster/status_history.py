"""Reads the site's status history from a master."""

from typing import Final

from shared.events.operation import ReadStatusHistory, StatusHistoryRead
from shared.messaging.ports import Asks

READ_SECONDS: Final = 4.0


class StatusHistoryReader:
    """Asks any master for a page of the status history."""

    def __init__(self, publisher: Asks) -> None:
        self._publisher = publisher

    async def read(self, question: ReadStatusHistory) -> StatusHistoryRead:
        """Read the page of events that *question* names.

        Raises:
            Unavailable: no master answered.
        """
        return await self._publisher.ask(
            question, timeout_seconds=READ_SECONDS, attempt_seconds=READ_SECONDS / 2
        )
