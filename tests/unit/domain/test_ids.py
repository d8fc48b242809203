"""The ids that stand in subjects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import SessionId, parse_session_id
from shared.events.session import SessionState


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_digits_are_a_nameplate_and_stand_in_a_subject(text: str) -> None:
    assert parse_session_id(text) == text
    assert text in SessionState.subject.address(session=SessionId(text)).split(".")


@given(st.text().filter(lambda text: not (text.isascii() and text.isdecimal())))
def test_nothing_else_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="digits alone"):
        parse_session_id(text)


@pytest.mark.parametrize("text", ["", "1" * 21, "1\n", "\N{ARABIC-INDIC DIGIT THREE}", "+1", "a.b"])
def test_no_digits_and_too_many_are_none_either(text: str) -> None:
    with pytest.raises(ValueError, match="digits alone"):
        parse_session_id(text)
