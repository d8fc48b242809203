"""Reads the filter of `meridian events tail`: which subjects it matches, and which exist."""

import re
from typing import Final

from shared.domain.errors import BadSettings
from shared.events import CATALOGUE

PREFIX: Final = "meridian.event."
_TOKEN: Final = re.compile(r"[a-z0-9_\-]+|\*")
_NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}")


def parse_filter(text: str | None) -> str:
    """The pattern of subjects in *text*: `failover.>`, `*.changed`, an area, or a whole subject.

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


def parse_durable_name(text: str) -> str:
    """Return *text* as the name of a durable consumer.

    Raises:
        BadSettings: it cannot be one.
    """
    if not _NAME.fullmatch(text):
        raise BadSettings(f"--durable {text!r} is no name: letters, digits, - and _ only")
    return text


def known_subjects() -> tuple[str, ...]:
    """The subjects of the events that this version knows, without their common prefix."""
    subjects = (each.subject.template for each in CATALOGUE)
    return tuple(each.removeprefix(PREFIX) for each in subjects if each.startswith(PREFIX))


def is_known(pattern: str) -> bool:
    """Say whether *pattern* matches an event that this version knows."""
    return any(_matches(pattern.removeprefix(PREFIX), subject) for subject in known_subjects())


def _matches(pattern: str, subject: str) -> bool:
    ours, theirs = pattern.split("."), subject.split(".")
    if ours[-1] == ">":
        ours = ours[:-1]
        if len(theirs) <= len(ours):
            return False
        theirs = theirs[: len(ours)]
    return len(ours) == len(theirs) and all(
        mine in ("*", other) for mine, other in zip(ours, theirs, strict=True)
    )
