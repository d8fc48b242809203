"""JSON within bounds: a value or a refusal, whatever the bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding.errors import REASONS, Undecodable
from shared.decoding.jsontext import Bounds, Json, decode_json
from tests.unit.decoding.reasons import reason_of

REFUSED = [
    (b"[" * 200_000, "too_deep"),
    (b"[" * 65 + b"]" * 65, "too_deep"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
    (b"1" * 5_000, "number_out_of_range"),
    (b"9223372036854775808", "number_out_of_range"),
    (b"-9223372036854775809", "number_out_of_range"),
    (b'{"a":[1e999]}', "number_out_of_range"),
    (b"NaN", "bad_syntax"),
    (b"-Infinity", "bad_syntax"),
    (b"", "bad_syntax"),
    (b"{}{}", "bad_syntax"),
    (b"\xef\xbb\xbf{}", "bad_syntax"),
    (b'"\x00"', "bad_syntax"),
    (b'"\\ud800"', "bad_syntax"),
    (b'["\\u0000"]', "not_text"),
    (b'{"a":{"b\\u0000":1}}', "not_text"),
    (b'"\xff"', "not_text"),
    (b'"\xed\xa0\x80"', "not_text"),
    ('"\ud800"', "not_text"),
    (b'"' + b"x" * (1 << 20) + b'"', "too_large"),
]

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@pytest.mark.parametrize(("data", "reason"), REFUSED)
def test_what_is_no_json_within_bounds_is_refused_with_its_reason(
    data: bytes | str, reason: str
) -> None:
    with pytest.raises(Undecodable) as caught:
        decode_json(data)
    assert caught.value.reason == reason


@given(st.binary() | st.text())
def test_any_bytes_give_a_value_or_a_refusal(data: bytes | str) -> None:
    assert reason_of(decode_json, data) in {None, *REASONS}


@given(VALUES)
def test_what_was_written_is_read_back(value: Json) -> None:
    assert decode_json(json.dumps(value)) == value
    assert decode_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_a_backslash_before_u0000_is_text_as_any_other() -> None:
    assert decode_json(rb'"\\u0000"') == r"\u0000"


def test_the_deepest_and_the_largest_that_are_allowed_are_read() -> None:
    assert decode_json(b"[" * 64 + b"]" * 64)
    assert decode_json(b"[9223372036854775807,-9223372036854775808]") == [2**63 - 1, -(2**63)]


def test_more_values_than_the_bounds_allow_are_refused() -> None:
    few = Bounds(items=4)
    assert decode_json(b"[1,2,3]", few) == [1, 2, 3]
    with pytest.raises(Undecodable) as caught:
        decode_json(b"[1,2,3,4]", few)
    assert caught.value.reason == "too_many_items"
