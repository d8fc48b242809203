from datetime import datetime

import pytest

from clients.commands.history import since_unix_ms, summary
from shared.domain.errors import BadSettings
from shared.domain.history import HistoryLine, NamedChange
from shared.domain.ids import Epoch, LogGeneration, Revision

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("2h", 7_200), ("3d", 259_200), ("1w", 604_800), ("0s", 0)],
)
def test_a_time_ago_is_counted_from_now(text: str, seconds: int) -> None:
    assert since_unix_ms(text, NOW) == (NOW - seconds) * 1000


def test_a_time_before_the_beginning_is_the_beginning() -> None:
    assert since_unix_ms("99999w", NOW) == 0


def test_a_date_is_of_this_machine_and_a_zone_is_believed() -> None:
    here = datetime(2026, 1, 31, 12).astimezone()

    assert since_unix_ms("2026-01-31T12:00", NOW) == here.timestamp() * 1000
    assert since_unix_ms("1970-01-02T00:00:00+00:00", NOW) == 86_400_000


@pytest.mark.parametrize("text", ["", "h", "12", "1y", "-3d", "yesterday", "2026-13-01", "²d"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(BadSettings, match="say 30m, 12h or 7d"):
        since_unix_ms(text, NOW)


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


def test_a_line_is_summed_up_by_what_was_done_to_which_kind() -> None:
    told = line(3, ("put", "node", "a"), ("delete", "user", "r"), ("put", "node", "b"))

    assert summary(told) == "put node a, b; delete user r"


def test_what_is_not_named_is_counted() -> None:
    assert summary(line(400, ("put", "node", "a"))) == "put node a and 399 more"
