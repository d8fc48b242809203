"""Times as people write and read them: `--since 12h`, a moment in the local zone, a duration."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from shared.domain.errors import BadSettings

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")

SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="No older than 30m, 12h or 7d, or 2026-01-31[T12:00]."),
]


def parse_since(text: str, now: float) -> int:
    """The moment that *text* means, in milliseconds: so long before *now*, or a local date.

    Raises:
        BadSettings: it means none.
    """
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and number.isascii() and unit in UNITS:
        return max(0, int((now - int(number) * UNITS[unit]) * 1000))
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError) as error:
        raise BadSettings(
            f"--since {text}: say 30m, 12h or 7d, or a time like 2026-01-31T12:00"
        ) from error


def parse_start(text: str, now: datetime) -> datetime:
    """The moment that *text* names: so long before *now* (`90s`, `10m`, `2h`, `7d`), or a UTC time.

    Raises:
        BadSettings: it is neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now - timedelta(seconds=int(span[1]) * UNITS[span[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadSettings(
            f"--since {text!r} is neither a span like 10m nor a time like 2026-05-04T10:00:00Z"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def format_time(unix_ms: int, timespec: str = "seconds") -> str:
    """A moment by this machine's clock and zone."""
    moment = datetime.fromtimestamp(unix_ms / 1000).astimezone()
    return moment.isoformat(sep=" ", timespec=timespec)


def format_duration(milliseconds: int) -> str:
    """A length of time in its two largest units: 350 ms, 12 s, 3 min 5 s, 2 h 10 min, 4 d 1 h."""
    left, parts = milliseconds // 1_000, list[str]()
    if not left:
        return f"{milliseconds} ms"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(each for each in parts[:2] if not each.startswith("0 "))
