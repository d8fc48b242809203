"""Sends changes to the primary of the moment.

A proposal is repeated with the same request id until a master answers. Config answers a repeat
with the recorded result, so a change is made once, even if the primary died between the log and its
answer. When the role moves, waiting proposals are repeated at once and more often for a while: the
old primary does not answer any more, and the new one has not received them. A proposal of many
changes is repeated less and less often: on a busy machine its repeats alone would keep a master
from reading its monitor's grants, and the role would move again.

A repeat does not cancel the earlier requests. Config joins a repeated proposal to the one that
waits already and answers all of them at once, so a late answer to an early request is as good as
any; cancelling one would lose its answer.
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.errors import NoPrimary, OutcomeUnknown, Unavailable
from shared.domain.ids import Epoch, Instant, NodeId, RequestId
from shared.events.config import ChangesAccepted, ProposeChanges, ProposedChange
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

PROPOSE_SECONDS: Final = 15.0
"""A takeover takes 2 to 8 s; a change is repeated for longer than that."""

PROPOSE_PART_SECONDS: Final = 60.0
"""For one part of a large apply: a failure in the middle costs its author more than waiting."""

ATTEMPT_SECONDS: Final = 1.0
FAST_ATTEMPT_SECONDS: Final = 0.1
"""When a change is repeated: normally, and shortly after the role moved."""

FAST_PERIOD_SECONDS: Final = 3.0

MANY_CHANGES: Final = 16
MANY_CHANGES_ATTEMPTS: Final = Backoff(ATTEMPT_SECONDS, longest_seconds=8.0)
"""The longest attempt of a proposal of more changes: each attempt lasts twice the one before."""


class Proposals:
    """Proposals of changes to config, each repeated until the primary answers."""

    def __init__(self, publisher: Asks, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._epoch = Epoch(0)
        self._granted: set[NodeId] = set()
        self._fast_until = Instant(0.0)
        self._attempts: set[asyncio.Timeout] = set()

    def note_grant(self, epoch: Epoch, node: NodeId) -> None:
        """Repeat pending proposals at once, at the first grant of *epoch* from each node.

        The old primary's monitor and the new one's both send one; only the new primary answers.
        """
        if epoch < self._epoch or (epoch == self._epoch and node in self._granted):
            return
        if epoch > self._epoch:
            self._epoch, self._granted = epoch, set()
        self._granted.add(node)
        self._fast_until = Instant(self._clock.now() + FAST_PERIOD_SECONDS)
        for attempt in self._attempts:
            attempt.reschedule(asyncio.get_running_loop().time())

    async def propose(
        self,
        request_id: RequestId,
        author: str,
        changes: Sequence[ProposedChange],
        give_up_seconds: float = PROPOSE_SECONDS,
    ) -> ChangesAccepted:
        """Make *changes* as one entry of the log, within *give_up_seconds*.

        Raises:
            NoPrimary: no master answered in time; whether the change happened is unknown.
            Rejected: the change breaks a rule, or a document is at another revision.
        """
        proposal = ProposeChanges(request_id=request_id, author=author, changes=tuple(changes))
        requests = RepeatedProposal(self._publisher, proposal)
        try:
            return await self._answer(proposal, requests, give_up_seconds)
        finally:
            await requests.cancel()

    async def _answer(
        self,
        proposal: ProposeChanges,
        requests: "RepeatedProposal",
        give_up_seconds: float,
    ) -> ChangesAccepted:
        deadline = Instant(self._clock.now() + give_up_seconds)
        last: Unavailable | None = None
        attempts = itertools.count()
        while (left := deadline - self._clock.now()) > 0:
            requests.send(left)
            seconds = min(left, self._attempt_seconds(proposal, next(attempts)))
            try:
                return await self._attempt(requests, seconds)
            except Unavailable as error:
                last = error
        if isinstance(last, OutcomeUnknown):
            raise last
        raise NoPrimary(
            f"no primary confirmed the change within {give_up_seconds:.0f} s; it may have "
            f"happened: ask again with request id {proposal.request_id}",
            request_id=proposal.request_id,
            retry_after_seconds=2,
        )

    def _attempt_seconds(self, proposal: ProposeChanges, attempt: int) -> float:
        if len(proposal.changes) > MANY_CHANGES:
            return MANY_CHANGES_ATTEMPTS.pause_seconds(attempt + 1)
        return FAST_ATTEMPT_SECONDS if self._clock.now() < self._fast_until else ATTEMPT_SECONDS

    async def _attempt(self, requests: "RepeatedProposal", seconds: float) -> ChangesAccepted:
        """Wait for an answer to any request so far, for *seconds* or until the role moves.

        Raises:
            Unavailable: none came.
        """
        try:
            async with asyncio.timeout(seconds) as attempt:
                self._attempts.add(attempt)
                try:
                    return await requests.first_answer()
                finally:
                    self._attempts.discard(attempt)
        except TimeoutError as error:
            raise Unavailable("no master answered the proposal in time") from error


class RepeatedProposal:
    """One proposal, sent several times; every answer to it is the same."""

    def __init__(self, publisher: Asks, proposal: ProposeChanges) -> None:
        self._publisher = publisher
        self._proposal = proposal
        self._sent: list[asyncio.Task[ChangesAccepted]] = []
        self._open: set[asyncio.Task[ChangesAccepted]] = set()

    def send(self, timeout_seconds: float) -> None:
        """Send the proposal once more, and wait at most *timeout_seconds* for its answer."""
        answer = self._publisher.ask(self._proposal, timeout_seconds=timeout_seconds)
        task = asyncio.create_task(answer)
        self._sent.append(task)
        self._open.add(task)

    async def first_answer(self) -> ChangesAccepted:
        """Wait for the first answer to any of them.

        Raises:
            Unavailable: all of them failed so or timed out; try again.
            Rejected: config refused the proposal.
        """
        while True:
            assert self._open, "a proposal was sent before its answer is awaited"
            done, self._open = await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                try:
                    return each.result()
                except Unavailable:
                    if not self._open:
                        raise

    async def cancel(self) -> None:
        """Cancel the requests that are still open."""
        for each in self._sent:
            each.cancel()
        await asyncio.gather(*self._sent, return_exceptions=True)
