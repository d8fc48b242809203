"""Who carries a change to the primary, while the role moves from one master to another."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from services.gateway.access.passwords import Passwords
from services.gateway.configuration import core as plan
from services.gateway.configuration.core import Edit
from services.gateway.configuration.editor import Editor
from services.gateway.configuration.proposals import (
    ATTEMPT_SECONDS,
    FAST_ATTEMPT_SECONDS,
    MANY_CHANGES,
    PROPOSE_SECONDS,
    Proposals,
)
from services.gateway.configuration.reader import ConfigurationReader
from shared.api.documents import ApplyRequest, DesiredDocument
from shared.crypto.sealing import SiteSecret
from shared.documents import Kind
from shared.domain.errors import NoPrimary, OutcomeUnknown
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision
from shared.domain.log import ReplicationMode, empty_position
from shared.events.config import (
    ChangesAccepted,
    DocumentsRead,
    ProposeChanges,
    ProposedChange,
    ReadDocuments,
)
from shared.events.message import Message, Request
from tests.fakes.responder import Responder
from tests.fakes.virtual_time import VirtualClock, pause, run

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
CHANGE = ProposedChange(kind="user", id="rita", op="put", body={"role": "auditor"})
ANSWER = ChangesAccepted(
    revision=Revision(3), durable_on=("bravo",), mode=ReplicationMode.SYNCHRONOUS
)
NOTHING = DocumentsRead(
    position=empty_position(LogGeneration(1)),
    mode=ReplicationMode.SYNCHRONOUS,
    documents=(),
    next=None,
)


class Masters(Responder):
    """Answers from the moment on that the test says; before it, silence."""

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self.asked: list[float] = []

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        if isinstance(request, ReadDocuments):
            return NOTHING
        assert isinstance(request, ProposeChanges)
        self.asked.append(VirtualClock().now())
        if not self._answers():
            await pause(timeout_seconds)
        return ANSWER


def proposed(proposals: Proposals) -> asyncio.Task[ChangesAccepted]:
    return asyncio.create_task(proposals.propose(RequestId("one"), "admin", [CHANGE]))


def of(masters: Masters) -> Proposals:
    return Proposals(masters, VirtualClock())


def test_a_change_in_flight_is_repeated_as_soon_as_another_epoch_is_granted() -> None:
    async def scenario() -> None:
        is_there = False
        masters = Masters(lambda: is_there)
        proposals = of(masters)
        proposals.note_grant(Epoch(1), ALPHA)
        await pause(60)
        asked = proposed(proposals)
        await pause(0.2)
        is_there = True
        moved = VirtualClock().now()
        proposals.note_grant(Epoch(2), BRAVO)
        assert await asked == ANSWER
        assert VirtualClock().now() == moved
        assert len(masters.asked) == 2

    run(scenario())


def test_a_change_is_repeated_again_when_the_new_primary_itself_is_granted_the_epoch() -> None:
    async def scenario() -> None:
        is_there = False
        masters = Masters(lambda: is_there)
        proposals = of(masters)
        proposals.note_grant(Epoch(1), ALPHA)
        await pause(60)
        asked = proposed(proposals)
        await pause(0.2)
        proposals.note_grant(Epoch(2), ALPHA)  # it lost its role to that epoch
        await pause(FAST_ATTEMPT_SECONDS / 2)
        is_there = True
        proposals.note_grant(Epoch(2), BRAVO)
        granted = VirtualClock().now()
        assert await asked == ANSWER
        assert VirtualClock().now() == granted
        assert len(masters.asked) == 3

    run(scenario())


def test_the_answer_to_an_early_question_counts_after_it_was_repeated() -> None:
    class Slow(Masters):
        """Answers the first question alone, later than it is repeated."""

        async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
            self.asked.append(VirtualClock().now())
            await pause(2.5 * FAST_ATTEMPT_SECONDS if len(self.asked) == 1 else timeout_seconds)
            return ANSWER

    async def scenario() -> None:
        masters = Slow(lambda: False)
        proposals = of(masters)
        proposals.note_grant(Epoch(1), ALPHA)
        began = VirtualClock().now()
        assert await proposed(proposals) == ANSWER
        assert VirtualClock().now() - began == pytest.approx(2.5 * FAST_ATTEMPT_SECONDS)
        assert len(masters.asked) == 3

    run(scenario())


def test_an_early_question_that_fails_leaves_the_later_one_open() -> None:
    class Leaving(Masters):
        """The first to be asked loses its role; the second answers a little later."""

        async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
            self.asked.append(VirtualClock().now())
            if len(self.asked) == 1:
                await pause(0.25)
                raise OutcomeUnknown("the right to answer as primary ended")
            await pause(0.2)
            return ANSWER

    async def scenario() -> None:
        masters = Leaving(lambda: False)
        proposals = of(masters)
        began = VirtualClock().now()
        asked = proposed(proposals)
        await pause(0.2)
        proposals.note_grant(Epoch(1), ALPHA)
        assert await asked == ANSWER
        assert [each - began for each in masters.asked[:3]] == pytest.approx([0, 0.2, 0.3])

    run(scenario())


def test_the_same_epoch_again_moves_nothing() -> None:
    async def scenario() -> None:
        masters = Masters(lambda: False)
        proposals = of(masters)
        proposals.note_grant(Epoch(2), BRAVO)
        await pause(60)
        asked = proposed(proposals)
        await pause(0.2)
        proposals.note_grant(Epoch(2), BRAVO)
        proposals.note_grant(Epoch(1), ALPHA)
        await pause(0.2)
        assert len(masters.asked) == 1
        asked.cancel()

    run(scenario())


def test_after_the_role_moved_attempts_are_short_for_a_while() -> None:
    async def scenario() -> None:
        masters = Masters(lambda: len(masters.asked) > 4)
        proposals = of(masters)
        proposals.note_grant(Epoch(1), ALPHA)
        assert await proposed(proposals) == ANSWER
        gaps = [b - a for a, b in zip(masters.asked, masters.asked[1:], strict=False)]
        assert gaps == pytest.approx([FAST_ATTEMPT_SECONDS] * len(gaps))

    run(scenario())


def test_otherwise_an_attempt_lasts_its_time_and_in_the_end_nobody_is_primary() -> None:
    async def scenario() -> None:
        masters = Masters(lambda: False)
        with pytest.raises(NoPrimary, match="ask again with request id one"):
            await proposed(of(masters))
        gaps = [b - a for a, b in zip(masters.asked, masters.asked[1:], strict=False)]
        assert gaps == pytest.approx([ATTEMPT_SECONDS] * len(gaps))

    run(scenario())


def test_many_changes_are_repeated_at_once_when_the_role_moves_and_then_less_and_less() -> None:
    async def scenario() -> None:
        masters = Masters(lambda: False)
        proposals = of(masters)
        began = VirtualClock().now()
        asked = asyncio.create_task(
            proposals.propose(RequestId("many"), "admin", [CHANGE] * (MANY_CHANGES + 1), 60)
        )
        await pause(0.5)
        proposals.note_grant(Epoch(1), ALPHA)
        with pytest.raises(NoPrimary):
            await asked
        times = [asked - began for asked in masters.asked]
        assert times == pytest.approx([0, 0.5, 2.5, 6.5, *range_of(14.5, 60, 8)])

    run(scenario())


def range_of(first: float, end: float, step: float) -> list[float]:
    """The times from *first* on, *step* apart, before *end*."""
    return [first + step * number for number in range(math.ceil((end - first) / step))]


def test_an_apply_of_many_entries_outwaits_a_silence_that_ends_a_single_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "BATCH_BYTES", 1)
    wanted = ApplyRequest(
        documents=tuple(
            DesiredDocument(kind=Kind.TEAM, id=name, body={"display_name": name})
            for name in ("one", "two")
        )
    )

    async def scenario() -> None:
        silent_until = VirtualClock().now() + 2 * PROPOSE_SECONDS
        masters = Masters(lambda: not masters.asked[1:] or VirtualClock().now() > silent_until)
        editor = Editor(ConfigurationReader(masters), of(masters), Passwords(SiteSecret(bytes(32))))
        changes, revision = await editor.apply(wanted, Edit("admin", RequestId("many")))
        assert [change.id for change in changes] == ["one", "two"]
        assert revision == ANSWER.revision
        assert VirtualClock().now() > silent_until

    run(scenario())
