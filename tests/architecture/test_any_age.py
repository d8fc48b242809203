"""A question that is answered at any age changes nothing and tells nothing but the time.

Freshness and the memory against replays do not protect it: whoever recorded one may send it again
for ever. So there is one such message, and what it can be used for is held here.
"""

from shared.events import CATALOGUE
from shared.events.clock import ReadClock
from shared.events.message import Done, Request

ANY_AGE = [message for message in CATALOGUE if message.subject.any_age]


def test_the_question_for_the_time_is_the_only_one_that_is_answered_at_any_age() -> None:
    assert [ReadClock] == ANY_AGE


def test_it_says_nothing_but_who_is_asked_and_is_answered_with_nothing_but_a_stamp() -> None:
    for message in ANY_AGE:
        assert issubclass(message, Request)
        assert set(message.model_fields) == set(message.subject.fields)
        assert message.reply is Done
        assert Done.model_fields == {}


def test_what_is_answered_at_any_age_is_live() -> None:
    assert not any(message.subject.stored for message in ANY_AGE)
