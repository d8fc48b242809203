"""Whatever an endpoint says of itself, it is placed, and told what did not count."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.selection import ClientFacts

ADDRESS = {"address": "198.51.100.7"}
NO_OFFSET = "a UTC offset beyond -14:00 to +14:00 was left out"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)
FIELDS = ("address", "utc_offset_minutes", "latencies_ms", "latency_ages_seconds")


@pytest.mark.parametrize("offset", [None, 0, -840, 840, 345])
def test_an_offset_of_this_earth_is_kept(offset: int | None) -> None:
    facts = ClientFacts.model_validate({**ADDRESS, "utc_offset_minutes": offset})

    assert facts.utc_offset_minutes == offset
    assert facts.left_out == ()


@pytest.mark.parametrize("offset", [841, -841, 99 * 60, 10**30, math.nan, math.inf, 60.5, "x", []])
def test_an_offset_that_makes_no_sense_is_left_out_and_reported(offset: Any) -> None:
    facts = ClientFacts.model_validate({**ADDRESS, "utc_offset_minutes": offset})

    assert facts.utc_offset_minutes is None
    assert facts.left_out == (NO_OFFSET,)


@pytest.mark.parametrize("latency", [-1, math.nan, math.inf, 60_001, None, "12", [1]])
def test_a_latency_that_nobody_measured_is_left_out_and_the_others_count(latency: Any) -> None:
    facts = ClientFacts.model_validate(
        {**ADDRESS, "latencies_ms": {"berlin": 12.5, "tokyo": latency}}
    )

    assert facts.latencies_ms == {"berlin": 12.5}
    assert facts.left_out == ("1 impossible values of latencies_ms were left out",)


def test_a_million_measurements_are_left_out_together() -> None:
    many = {f"node-{number}": 1.0 for number in range(10_001)}
    facts = ClientFacts.model_validate({**ADDRESS, "latencies_ms": many})

    assert facts.latencies_ms == {}
    assert facts.left_out == ("latencies_ms was left out: it is no table of at most 10,000",)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_fact_whatever_it_is_raises(notes: dict[str, Any]) -> None:
    facts = ClientFacts.model_validate({**ADDRESS, **notes})

    assert ClientFacts.model_validate_json(facts.model_dump_json()) == facts


def test_what_was_left_out_is_still_reported_by_the_next_reader() -> None:
    facts = ClientFacts.model_validate({**ADDRESS, "utc_offset_minutes": 6_000})

    assert ClientFacts.model_validate(facts.model_dump()).left_out == (NO_OFFSET,)
