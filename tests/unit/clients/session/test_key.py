import pytest

from clients.session.key import (
    CONSONANTS,
    VOWELS,
    draw_words,
    parse_key,
    parse_key_or_nameplate,
    session_key,
)
from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId


def test_a_key_is_read_as_it_was_made() -> None:
    words = draw_words()

    assert parse_key(session_key(SessionId("4821739"), words)) == ("4821739", words)


@pytest.mark.parametrize("typed", [" 4821739-lusab-rodim\n", "4821739 LUSAB rodim"])
def test_a_key_may_be_typed_in_capitals_and_with_spaces(typed: str) -> None:
    assert parse_key(typed) == ("4821739", "lusab-rodim")


@pytest.mark.parametrize("typed", ["", "lusab-rodim", "4821739", "4821739-lusab", "1-a-b", "x-y-z"])
def test_what_is_no_key_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(BadSettings, match="one looks like 4821739-lusab-rodim"):
        parse_key(typed)


def test_there_are_enough_words() -> None:
    assert len(CONSONANTS) ** 3 * len(VOWELS) ** 2 == 65_536
    assert len({draw_words() for _ in range(200)}) == 200
    assert all(len(word) == 5 for word in draw_words().split("-"))


def test_a_nameplate_alone_has_no_words() -> None:
    assert parse_key_or_nameplate(" 4821739\n") == ("4821739", None)
    assert parse_key_or_nameplate("4821739-lusab-rodim") == ("4821739", "lusab-rodim")


@pytest.mark.parametrize("typed", ["", "123", "4821739-lusab", "lusab-rodim"])
def test_what_is_neither_key_nor_nameplate_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(BadSettings, match="one looks like"):
        parse_key_or_nameplate(typed)
