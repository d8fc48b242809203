"""What `meridian log` shows of a line, and the times that `--since` takes."""

from datetime import datetime

import pytest

from clients.cli.log import describe_changes
from clients.cli.times import parse_since
from shared.domain.errors import BadSettings
from shared.domain.history import HistoryLine, NamedChange
from shared.domain.ids import Epoch, LogGeneration, Revision

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7_200), ("3d", 259_200), ("1w", 604_800), ("0s", 0)],
)
def test_a_time_ago_is_counted_from_now(text: str, seconds: int) -> None:
    assert parse_since(text, NOW) == (NOW - seconds) * 1000


def test_a_time_before_the_beginning_is_the_beginning() -> None:
    assert parse_since("99999w", NOW) == 0


def test_a_date_is_of_the_local_zone_unless_it_names_one() -> None:
    here = datetime(2026, 1, 31, 12).astimezone()

    assert parse_since("2026-01-31T12:00", NOW) == here.timestamp() * 1000
    assert parse_since("1970-01-02T00:00:00+00:00", NOW) == 86_400_000


@pytest.mark.parametrize("text", ["", "h", "12", "1y", "-3d", "yesterday", "2026-13-01", "²d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadSettings, match="say 30m, 12h or 7d"):
        parse_since(text, NOW)


def line(count: int, *changes: tuple[str, str, str]) -> HistoryLine:
    return HistoryLine(
        log_generation=LogGeneration(1),
        revision=Revision(7),
        epoch=Epoch(1),
        at_unix_ms=0,
        author="anna",
        count=count,
        changes=tuple(NamedChange(*each) for each in changes),
    )


def test_a_line_is_described_by_operation_kind_and_ids() -> None:
    text = line(3, ("put", "node", "a"), ("delete", "user", "r"), ("put", "node", "b"))

    assert describe_changes(text) == "put node a, b; delete user r"


def test_changes_that_are_not_named_are_counted() -> None:
    assert describe_changes(line(400, ("put", "node", "a"))) == "put node a and 399 more"
