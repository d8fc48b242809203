"""Offsets of zones: from the database that every node has, never from the machine's own folder."""

from pathlib import Path
from zoneinfo import TZPATH, available_timezones, reset_tzpath

import pytest

from shared.domain.ids import UnixMillis
from shared.domain.timezone import is_timezone, offset_minutes, require_timezone, zone_names

WINTER = UnixMillis(1_767_225_600_000)
SUMMER = UnixMillis(1_782_864_000_000)


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("Europe/Berlin", 60, 120),
        ("US/Pacific", -480, -420),
        ("Asia/Kathmandu", 345, 345),
        ("UTC", 0, 0),
        ("+05:30", 330, 330),
        ("-00:30", -30, -30),
    ],
)
def test_a_zone_has_its_offset_of_that_moment(zone: str, winter: int, summer: int) -> None:
    assert (offset_minutes(zone, WINTER), offset_minutes(zone, SUMMER)) == (winter, summer)


def test_every_zone_of_the_database_has_an_offset_that_a_node_may_have() -> None:
    assert len(zone_names()) > 500
    for zone in zone_names():
        assert require_timezone(zone) == zone
        assert -720 <= offset_minutes(zone, WINTER) <= 840


def test_the_machines_own_folder_of_zones_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "Mars").write_bytes(b"TZif")
    (tmp_path / "UTC").write_bytes(b"no zone")
    reset_tzpath((str(tmp_path),))
    try:
        assert "Mars" not in zone_names()
        assert not is_timezone("Mars")
        assert offset_minutes("UTC", WINTER) == 0
    finally:
        reset_tzpath(TZPATH)
    assert available_timezones()


@pytest.mark.parametrize("text", ["", "localtime", "../zones", "posix/UTC", "x" * 10_000])
def test_an_unknown_zone_is_reported(text: str) -> None:
    with pytest.raises(ValueError, match="is neither an offset"):
        offset_minutes(text, WINTER)
