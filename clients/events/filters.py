"""What somebody asks to see: since when, and which events. Pure: the time comes from the caller."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.domain.errors import BadSettings
from shared.events import CATALOGUE

PREFIX: Final = "meridian.event."
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")
_TOKEN: Final = re.compile(r"[a-z0-9_\-]+|\*")
_NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}")


def since(text: str, now: datetime) -> datetime:
    """The moment that *text* names: so long before *now* (`90s`, `10m`, `2h`, `7d`), or a time.

    Raises:
        BadSettings: it is neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now - timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadSettings(
            f"--since {text!r} is neither a span like 10m nor a time like 2026-05-04T10:00:00Z"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def pattern(text: str | None) -> str:
    """The subjects that *text* asks for: `failover.>`, `*.changed`, an area, or a whole subject.

    Raises:
        BadSettings: it is no pattern of subjects.
    """
    if not text:
        return f"{PREFIX}>"
    tokens = text.removeprefix(PREFIX).split(".")
    last = tokens[-1]
    if not all(_TOKEN.fullmatch(each) for each in tokens[:-1]) or not (
        last == ">" or _TOKEN.fullmatch(last)
    ):
        raise BadSettings(
            f"--filter {text!r} is no pattern: words with dots between them, * for any one word, "
            "> at the end for any more, as in failover.> or *.changed"
        )
    if len(tokens) == 1 and last != ">":
        tokens.append(">")
    return PREFIX + ".".join(tokens)


def durable_name(text: str) -> str:
    """*text* as a consumer's name.

    Raises:
        BadSettings: it cannot be one.
    """
    if not _NAME.fullmatch(text):
        raise BadSettings(f"--durable {text!r} is no name: letters, digits, - and _ only")
    return text


def known_subjects() -> tuple[str, ...]:
    """The subjects of the events that this version knows, without what they all begin with."""
    subjects = (each.subject.template for each in CATALOGUE)
    return tuple(each.removeprefix(PREFIX) for each in subjects if each.startswith(PREFIX))


def is_known(wanted: str) -> bool:
    """Whether some event that this version knows is on the pattern *wanted*."""
    return any(_matches(wanted.removeprefix(PREFIX), subject) for subject in known_subjects())


def _matches(wanted: str, subject: str) -> bool:
    ours, theirs = wanted.split("."), subject.split(".")
    if ours[-1] == ">":
        ours = ours[:-1]
        if len(theirs) <= len(ours):
            return False
        theirs = theirs[: len(ours)]
    return len(ours) == len(theirs) and all(
        mine in ("*", other) for mine, other in zip(ours, theirs, strict=True)
    )
