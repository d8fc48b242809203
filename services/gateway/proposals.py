"""Bringing changes to the primary, whoever that is at the moment.

A proposal is repeated with the same request id until somebody answers: config answers a repeat
with the recorded result, so a change is made once, also when the primary died between the log
and its answer. When the role moves, what waits is repeated at once, to the very master whose grant
was heard, and more often for a while: the old primary does not answer any more, and the new one has
not heard it. What holds many changes is repeated less and less often: on a busy machine its repeats
alone would keep a master from reading its monitor's grants, and the role would move again.
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

from services.gateway.questions import Questions
from shared.documents import Kind
from shared.domain.backoff import Backoff
from shared.domain.document import Document, Ref
from shared.domain.errors import NoPrimary, NotFound, OutcomeUnknown, Unavailable
from shared.domain.ids import Epoch, Instant, NodeId, RequestId, Revision
from shared.events.config import (
    ChangesAccepted,
    DocumentsRead,
    HistoryRead,
    ProposeChanges,
    ProposedChange,
    ReadCurrent,
    ReadDocuments,
    ReadHistory,
)
from shared.messaging.ports import Asks
from shared.messaging.reading import read_documents
from shared.runtime.clock import Clock

PATIENCE_SECONDS: Final = 15.0
"""A takeover takes 2 to 8 s; a change is held and repeated for longer than that."""

LONG_PATIENCE_SECONDS: Final = 60.0
"""For one part of a large apply: giving up in the middle costs its author more than waiting."""

ATTEMPT_SECONDS: Final = 1.0
HURRY_SECONDS: Final = 0.1
"""After how long a change is repeated, and shortly after the role has moved."""

HURRIED_SECONDS: Final = 3.0

MANY_CHANGES: Final = 16
MANY_CHANGES_ATTEMPTS: Final = Backoff(ATTEMPT_SECONDS, longest_seconds=8.0)
"""How long an attempt gets, doubled again and again, of a proposal of more changes than that."""

READ_SECONDS: Final = 3.0


class Configuration:
    """Reading and changing the master state through the config service."""

    def __init__(self, publisher: Asks, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._epoch = Epoch(0)
        self._granted: set[NodeId] = set()
        self._hurries_until = Instant(0.0)
        self._attempts: set[asyncio.Timeout] = set()

    def role_moved(self, epoch: Epoch, node: NodeId) -> None:
        """The first grant of *epoch* came from *node*: it has the role, or lost its own to it.

        The second one is as good a news as the first: only then is there somebody to answer.
        """
        if epoch < self._epoch or (epoch == self._epoch and node in self._granted):
            return
        if epoch > self._epoch:
            self._epoch, self._granted = epoch, set()
        self._granted.add(node)
        self._hurries_until = Instant(self._clock.now() + HURRIED_SECONDS)
        for attempt in self._attempts:
            attempt.reschedule(asyncio.get_running_loop().time())

    async def propose(
        self,
        request_id: RequestId,
        author: str,
        changes: Sequence[ProposedChange],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> ChangesAccepted:
        """Make *changes* as one entry of the log, asking for *patience_seconds*.

        Raises:
            NoPrimary: nobody answered within the patience; whether it happened is unknown.
            Rejected: the change breaks a rule, or a document is at another revision.
        """
        proposal = ProposeChanges(request_id=request_id, author=author, changes=tuple(changes))
        questions = Questions(self._publisher, proposal)
        try:
            return await self._answer(proposal, questions, patience_seconds)
        finally:
            await questions.close()

    async def _answer(
        self,
        proposal: ProposeChanges,
        questions: Questions[ChangesAccepted],
        patience_seconds: float,
    ) -> ChangesAccepted:
        deadline = Instant(self._clock.now() + patience_seconds)
        last: Unavailable | None = None
        attempts = itertools.count()
        while (left := deadline - self._clock.now()) > 0:
            questions.ask(left)
            seconds = min(left, self._attempt_seconds(proposal, next(attempts)))
            try:
                return await self._attempt(questions, seconds)
            except Unavailable as error:
                last = error
        if isinstance(last, OutcomeUnknown):
            raise last
        raise NoPrimary(
            f"no primary confirmed the change within {patience_seconds:.0f} s; it may have "
            f"happened: ask again with request id {proposal.request_id}",
            request_id=proposal.request_id,
            retry_after_seconds=2,
        )

    def _attempt_seconds(self, proposal: ProposeChanges, attempt: int) -> float:
        if len(proposal.changes) > MANY_CHANGES:
            return MANY_CHANGES_ATTEMPTS.pause_seconds(attempt + 1)
        return HURRY_SECONDS if self._clock.now() < self._hurries_until else ATTEMPT_SECONDS

    async def _attempt(
        self, questions: Questions[ChangesAccepted], seconds: float
    ) -> ChangesAccepted:
        """The answer to any question so far, within *seconds* and until the role moves.

        Raises:
            Unavailable: there was none.
        """
        try:
            async with asyncio.timeout(seconds) as attempt:
                self._attempts.add(attempt)
                try:
                    return await questions.answer()
                finally:
                    self._attempts.discard(attempt)
        except TimeoutError as error:
            raise Unavailable("nobody answered the proposal in time") from error

    async def read(
        self, *kinds: Kind, id_: str | None = None, at_least: Revision = Revision(0)
    ) -> DocumentsRead:
        """The documents of *kinds*, as any master has them."""
        return await self._read(ReadDocuments(kinds=kinds, id=id_, at_least=at_least))

    async def _read(self, question: ReadDocuments) -> DocumentsRead:
        return await read_documents(
            self._publisher,
            question,
            page_seconds=READ_SECONDS,
            attempt_seconds=ATTEMPT_SECONDS / 2,
        )

    async def page(self, kind: Kind, limit: int, after: str | None) -> DocumentsRead:
        """At most *limit* documents of *kind*, those after the one called *after*."""
        place = None if after is None else Ref(kind, after)
        question = ReadDocuments(kinds=(kind,), after=place, limit=limit)
        return await self._publisher.ask(
            question, timeout_seconds=READ_SECONDS, attempt_seconds=ATTEMPT_SECONDS / 2
        )

    async def history(self, question: ReadHistory) -> HistoryRead:
        """Who changed what, as any master has it."""
        return await self._publisher.ask(
            question, timeout_seconds=READ_SECONDS, attempt_seconds=ATTEMPT_SECONDS
        )

    async def document(self, kind: Kind, id_: str, *, is_current: bool = False) -> Document:
        """One document, as any master has it, or as it is now: the primary answers for that alone.

        Raises:
            NotFound: there is none of that name.
            Unavailable: no master answered, or none is the primary.
        """
        question = ReadCurrent if is_current else ReadDocuments
        found = await self._read(question(kinds=(kind,), id=id_))
        for document in found.documents:
            if document.kind == kind and document.id == id_:
                return document
        raise NotFound(f"there is no {kind} {id_!r}", kind=kind, id=id_)
