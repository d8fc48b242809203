"""The request that `meridian select` makes of its options."""

from typing import Any

import pytest

from clients.cli.select import Select
from shared.domain.errors import BadSettings


def request_of(select: Select) -> dict[str, Any]:
    """The JSON that is sent to the site."""
    return select.question().model_dump(mode="json", exclude_unset=True)


def test_without_options_the_caller_is_placed() -> None:
    assert request_of(Select()) == {"count": 3}


def test_every_option_is_in_the_request() -> None:
    select = Select(
        client_ip="192.0.2.7",
        offset="+05:45",
        latency=["berlin=12.5", "denver=90ms"],
        other_ip="2001:db8::7",
        other_offset="-300",
        other_latency=["berlin=100"],
        public_site="help",
        team="desk",
        pin="berlin",
        method=["latency", "geo"],
        count=5,
    )
    assert request_of(select) == {
        "client": {
            "address": "192.0.2.7",
            "utc_offset_minutes": 345,
            "latencies_ms": {"berlin": 12.5, "denver": 90.0},
        },
        "other": {
            "address": "2001:db8::7",
            "utc_offset_minutes": -300,
            "latencies_ms": {"berlin": 100.0},
        },
        "count": 5,
        "public_site": "help",
        "team": "desk",
        "pin": "berlin",
        "methods": ["latency", "geo"],
    }


@pytest.mark.parametrize(
    ("offset", "minutes"), [("0", 0), ("-90", -90), ("-03:30", -210), ("Asia/Kathmandu", 345)]
)
def test_an_offset_is_minutes_or_hours_or_a_zone(offset: str, minutes: int) -> None:
    assert request_of(Select(offset=offset))["client"] == {"utc_offset_minutes": minutes}


@pytest.mark.parametrize(
    "offset",
    ["", "noon", "+-5", "Mars/Base", "+5:xx", "../etc/passwd", "localtime", "9999", "9" * 5_000],
)
def test_what_is_no_offset_is_refused(offset: str) -> None:
    with pytest.raises(BadSettings, match=r"say an offset like \+05:30"):
        request_of(Select(offset=offset))


@pytest.mark.parametrize("latency", ["berlin", "berlin=", "berlin=near", "=ms"])
def test_what_is_no_latency_is_refused(latency: str) -> None:
    with pytest.raises(BadSettings, match="say NODE=MS"):
        request_of(Select(latency=[latency]))
