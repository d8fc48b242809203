"""Proposals that wait for their answer, and whoever asked."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from services.config.core.batch import digest
from shared.domain.errors import RequestReused
from shared.domain.ids import RequestId
from shared.events.config import ChangesAccepted, ProposeChanges

Answer = asyncio.Future[ChangesAccepted]


@dataclass(eq=False)
class Waiting:
    """A proposal and its answer to be.

    *tries* counts the entries that it was put into, whatever became of them; *is_written* says
    that one of them is committed.
    """

    proposal: ProposeChanges
    digest: str
    answer: Answer
    tries: int = 0
    is_written: bool = False


class Waiters:
    """Every proposal that is not answered yet, by its request id, in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[RequestId, Waiting] = {}

    def join(self, proposal: ProposeChanges) -> Answer:
        """The answer to *proposal*; one that waits already is joined, not repeated.

        Raises:
            RequestReused: the request id waits with another content.
        """
        proof = digest(proposal)
        waiting = self._waiting.get(proposal.request_id)
        if waiting is None:
            answer: Answer = asyncio.get_running_loop().create_future()
            waiting = self._waiting[proposal.request_id] = Waiting(proposal, proof, answer)
        elif waiting.digest != proof:
            raise RequestReused(f"request id {proposal.request_id} waits with another change")
        return waiting.answer

    def open(self) -> list[Waiting]:
        """Those that are in no committed entry yet."""
        return [each for each in self._waiting.values() if not each.is_written]

    def named(self, request_ids: Iterable[RequestId]) -> list[Waiting]:
        return [self._waiting[request_id] for request_id in request_ids]

    def accept(self, waiting: Iterable[Waiting], answer: ChangesAccepted) -> None:
        for each in waiting:
            self._waiting.pop(each.proposal.request_id, None)
            if not each.answer.done():
                each.answer.set_result(answer)

    def refuse(self, waiting: Iterable[Waiting], error: Exception) -> None:
        for each in waiting:
            self._waiting.pop(each.proposal.request_id, None)
            if not each.answer.done():
                each.answer.set_exception(error)
                each.answer.exception()  # seen, should nobody wait any more
