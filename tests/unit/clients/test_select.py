"""What `meridian select` asks a site, and how a command takes its options as one value."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from clients.commands.options import taking
from clients.commands.select import Asked, question
from shared.domain.errors import BadSettings


def said(asked: Asked) -> dict[str, Any]:
    """What the site is sent."""
    return question(asked).model_dump(mode="json", exclude_unset=True)


def test_nothing_said_asks_for_the_client_that_asks() -> None:
    assert said(Asked()) == {"count": 3}


def test_everything_said_is_asked() -> None:
    asked = Asked(
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
    assert said(asked) == {
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
def test_an_offset_is_said_in_minutes_in_hours_or_by_a_zone(offset: str, minutes: int) -> None:
    assert said(Asked(offset=offset))["client"] == {"utc_offset_minutes": minutes}


@pytest.mark.parametrize(
    "offset",
    ["", "noon", "+-5", "Mars/Base", "+5:xx", "../etc/passwd", "localtime", "9999", "9" * 5_000],
)
def test_an_offset_that_is_none_is_told(offset: str) -> None:
    with pytest.raises(BadSettings, match=r"say an offset like \+05:30"):
        question(Asked(offset=offset))


@pytest.mark.parametrize("latency", ["berlin", "berlin=", "berlin=near", "=ms"])
def test_a_latency_that_is_none_is_told(latency: str) -> None:
    with pytest.raises(BadSettings, match="say NODE=MS"):
        question(Asked(latency=[latency]))


def test_a_command_takes_its_options_as_one_value() -> None:
    app, seen = typer.Typer(), list[Any]()

    @app.command()
    @taking(Asked)
    def shown(asked: Asked) -> None:
        """Say what was said."""
        seen.append(asked)

    del shown
    runner = CliRunner()
    done = runner.invoke(app, ["--latency", "a=1", "--latency", "b=2", "--pin", "a", "--explain"])
    assert done.exit_code == 0, done.output
    assert seen == [Asked(latency=["a=1", "b=2"], pin="a", explain=True)]
    assert "Say what was said." in runner.invoke(app, ["--help"]).output
    assert runner.invoke(app, ["--count", "0"]).exit_code == 2
