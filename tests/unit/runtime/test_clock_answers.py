"""The question for the time is answered whatever its age, and so often and no oftener."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import Instant, NodeId
from shared.events.clock import ReadClock
from shared.events.message import Done
from shared.messaging.middleware import Silent
from shared.runtime.clock_answers import ANSWERS_A_SECOND, AnswerLimit, ClockAnswers

QUESTION = ReadClock(node=NodeId("berlin"), service="relay")


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=400))
def test_no_flood_of_questions_gets_more_answers_than_the_limit(pauses: list[float]) -> None:
    limit, at, answers = AnswerLimit(ANSWERS_A_SECOND), 100.0, 0
    for pause in pauses:
        at += pause
        answers += limit.admit(Instant(at))
    assert answers <= ANSWERS_A_SECOND * (1 + at - 100.0) + 1e-6


async def test_a_process_that_was_asked_too_often_is_silent_until_the_next_second() -> None:
    at = [Instant(10.0)]
    answers = ClockAnswers(lambda: at[0])
    for _ in range(ANSWERS_A_SECOND):
        assert await answers.on_read_clock(QUESTION) == Done()
    with pytest.raises(Silent):
        await answers.on_read_clock(QUESTION)
    at[0] = Instant(11.0)
    assert await answers.on_read_clock(QUESTION) == Done()
