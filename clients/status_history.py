"""What happened to the site, read page by page, as a table or for programs."""

import time
from datetime import datetime
from itertools import islice
from typing import Any, Final

from clients.commands.history import since_unix_ms
from clients.output import as_json, table
from shared.api.client import SiteClient
from shared.api.status_history import MOST_EVENTS, StatusHistoryQuery, status_history
from shared.domain.history import StatusLine

SHOWN: Final = 50
"""How many events are shown where no time is given."""


def read(client: SiteClient, since: str | None, node: str | None) -> list[StatusLine]:
    """All events since then, or the newest ones."""
    begin = 0 if since is None else since_unix_ms(since, time.time())  # noqa: TID251 (a person's "ago")
    limit = SHOWN if since is None else MOST_EVENTS
    query = StatusHistoryQuery(limit=limit, since_unix_ms=begin, node=node)
    return list(islice(client.pages(status_history(query)), None if since else SHOWN))


def show(events: list[StatusLine], *, is_json: bool) -> None:
    """Print *events*."""
    if is_json:
        as_json(events)
    else:
        table(("time", "event", "what happened", "for"), (_row(each) for each in events))


def duration(milliseconds: int) -> str:
    """A length of time in its two largest units: 350 ms, 12 s, 3 min 5 s, 2 h 10 min, 4 d 1 h."""
    left, parts = milliseconds // 1_000, list[str]()
    if not left:
        return f"{milliseconds} ms"
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(each for each in parts[:2] if not each.startswith("0 "))


def _row(event: StatusLine) -> tuple[Any, ...]:
    moment = datetime.fromtimestamp(event.at_unix_ms / 1000).astimezone()
    lasted = event.lasted_ms
    how_long = "until now" if event.is_state and lasted is None else ""
    return (
        moment.isoformat(sep=" ", timespec="milliseconds"),
        event.fact,
        event.sentence,
        duration(lasted) if lasted is not None else how_long,
    )
