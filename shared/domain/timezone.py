"""How far clocks on the wall are from UTC, by an offset such as `+05:30` or the name of a zone."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.ids import UnixMillis

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def offset_minutes(timezone: str, at: UnixMillis) -> int:
    """Minutes that clocks in *timezone* are ahead of UTC at that moment."""
    if timezone[0] in "+-":
        hours, _, minutes = timezone[1:].partition(":")
        ahead = int(hours) * 60 + int(minutes)
        return -ahead if timezone[0] == "-" else ahead
    there = (EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(timezone))
    ahead_by = there.utcoffset()
    assert ahead_by is not None, "a time with a zone has an offset"
    return round(ahead_by / timedelta(minutes=1))
