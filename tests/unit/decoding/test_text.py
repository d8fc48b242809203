"""Text to numbers and bytes, and comparison in constant time."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding.errors import REASONS, Undecodable
from shared.decoding.text import (
    decode_base64,
    decode_base64url,
    decode_hex,
    decode_text,
    equal_in_constant_time,
    one_line,
    to_integer,
    to_number,
)
from tests.unit.decoding.reasons import reason_of


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_0", "٣", "0x10", "1.0", "1" * 21, "--1", "½"])
def test_what_is_no_plain_decimal_integer_is_refused(text: str) -> None:
    with pytest.raises(Undecodable) as caught:
        to_integer(text)
    assert caught.value.reason == "bad_syntax"


@pytest.mark.parametrize("text", ["-1", "9223372036854775808", "99999999999999999999"])
def test_an_integer_outside_its_limits_is_refused(text: str) -> None:
    with pytest.raises(Undecodable) as caught:
        to_integer(text)
    assert caught.value.reason == "number_out_of_range"


@given(st.integers(-1_000, 1_000))
def test_an_integer_is_read_with_its_sign(number: int) -> None:
    assert to_integer(f"{number:+d}", least=-1_000, most=1_000) == number
    assert to_integer(str(number), least=-1_000) == number


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_0", "", ".", "1,5", "1" * 65, "٣"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(Undecodable) as caught:
        to_number(text, least=0, most=10)
    assert caught.value.reason == "bad_syntax"


@pytest.mark.parametrize(("text", "number"), [("1", 1.0), ("-.5", -0.5), ("+2.", 2.0), ("1e1", 10)])
def test_a_number_is_read(text: str, number: float) -> None:
    assert to_number(text, least=-10, most=10) == number


@pytest.mark.parametrize("text", ["11", "-11", "1e300", "9e999"])
def test_a_number_outside_its_limits_is_refused(text: str) -> None:
    with pytest.raises(Undecodable, match="not from -10 to 10"):
        to_number(text, least=-10, most=10)


def test_a_number_without_limits_is_finite_all_the_same() -> None:
    with pytest.raises(Undecodable, match="not finite"):
        to_number("1e999", least=float("-inf"), most=float("inf"))


@given(st.text(), st.binary())
def test_every_reader_gives_a_value_or_a_refusal(text: str, data: bytes) -> None:
    for read in (to_integer, decode_hex, decode_base64, decode_base64url):
        assert reason_of(read, text) in {None, *REASONS}
    assert reason_of(decode_text, data) in {None, "not_text"}


@given(st.binary())
def test_bytes_come_back_from_each_encoding(data: bytes) -> None:
    assert decode_hex(data.hex()) == data
    assert decode_base64(base64.b64encode(data).decode()) == data
    assert decode_base64url(base64.urlsafe_b64encode(data).decode().rstrip("=")) == data


@given(st.text(), st.text())
def test_text_of_any_kind_can_be_compared(left: str, right: str) -> None:
    assert equal_in_constant_time(left, left)
    assert equal_in_constant_time(left, right) == (left == right)


def test_a_sentence_of_somebody_else_is_cut_and_stays_on_one_line() -> None:
    assert one_line("a\nb\x1b[31m\u202e\ud800ü", 20) == r"a\nb\x1b[31m\u202e\ud800ü"
    assert one_line("x" * 100, 10) == "x" * 10


def test_a_lone_surrogate_is_compared_as_any_other_character() -> None:
    assert not equal_in_constant_time("\ud800", b"abc")
    assert equal_in_constant_time("\ud800", "\ud800")
