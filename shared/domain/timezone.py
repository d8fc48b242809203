"""Computes how far local time is from UTC, by an offset such as `+05:30` or a zone's name.

Zones are those of the IANA database in the package `tzdata`, the same on every node. What lies in
a machine's own folder of zones is not looked at: it differs from machine to machine.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.ids import UnixMillis

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WESTERNMOST_MINUTES: Final = -12 * 60
EASTERNMOST_MINUTES: Final = 14 * 60

_OFFSET: Final = re.compile(r"([+-])([01][0-9]):([0-5][0-9])")


@lru_cache(1)
def zone_names() -> frozenset[str]:
    """The names of all zones, links included."""
    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())


def is_timezone(text: str) -> bool:
    """Say whether *text* names an offset or a zone."""
    return _parse_offset(text) is not None or text in zone_names()


def require_timezone(text: str) -> str:
    """Return *text*, which is an offset from -12:00 to +14:00 or the name of a zone.

    Raises:
        ValueError: it is neither.
    """
    minutes = _parse_offset(text)
    if not is_timezone(text):
        raise ValueError(f"{text!r} is neither an offset like +05:30 nor a zone like Europe/Berlin")
    if minutes is not None and not WESTERNMOST_MINUTES <= minutes <= EASTERNMOST_MINUTES:
        raise ValueError(f"{text!r} is no offset from -12:00 to +14:00")
    return text


def offset_minutes(timezone: str, at: UnixMillis) -> int:
    """Return the minutes that clocks in *timezone* are ahead of UTC at that moment.

    Raises:
        ValueError: it is neither an offset nor the name of a zone.
    """
    minutes = _parse_offset(timezone)
    if minutes is not None:
        return minutes
    require_timezone(timezone)
    there = (EPOCH + timedelta(milliseconds=at)).astimezone(_zone(timezone))
    ahead_by = there.utcoffset()
    assert ahead_by is not None, "a time with a zone has an offset"
    return round(ahead_by / timedelta(minutes=1))


def _parse_offset(text: str) -> int | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    ahead = 60 * int(hours) + int(minutes)
    return -ahead if sign == "-" else ahead


@lru_cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)
