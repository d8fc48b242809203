"""`meridian status --history`: what happened to the site, read page by page."""

import time
from itertools import islice
from typing import Any, Final

from clients.cli.output import print_table
from clients.cli.times import format_duration, format_time, parse_since
from shared.api.client import SiteClient
from shared.api.status_history import MOST_EVENTS, StatusHistoryQuery, status_history
from shared.domain.history import StatusLine
from shared.domain.history_folding import fold_history

SHOWN: Final = 50
"""How many lines are shown where no time is given."""

DAY_MS: Final = 86_400_000

READ: Final = 2_000
"""How many of the newest events are read for those lines: many may fold into one."""


def read_history(
    client: SiteClient, since: str | None, node: str | None, *, folded: bool
) -> list[StatusLine]:
    """All events since then, or the newest ones; *folded* where they flipped back and forth."""
    begin = 0 if since is None else parse_since(since, time.time())  # noqa: TID251 (a person's "ago")
    limit = MOST_EVENTS if folded or since else SHOWN
    query = StatusHistoryQuery.model_validate(
        {"limit": limit, "since_unix_ms": begin, "node": node}
    )
    most = None if since else READ if folded else SHOWN
    events = islice(client.pages(status_history(query)), most)
    lines = fold_history(events) if folded else events
    return list(islice(lines, None if since else SHOWN))


def show_history(events: list[StatusLine]) -> None:
    """Print *events* as a table."""
    print_table(("time", "event", "what happened", "for"), (_row(each) for each in events))


def describe(event: StatusLine) -> str:
    """Say what happened, and how often where a line stands for several changes."""
    again = event.repeated
    if again is None:
        return event.sentence
    first, last = (format_time(each)[11:16] for each in (again.first_unix_ms, again.last_unix_ms))
    if again.last_unix_ms - again.first_unix_ms >= DAY_MS:
        first, last = format_time(again.first_unix_ms)[:16], format_time(again.last_unix_ms)[:16]
    between = f"{again.times} times between {first} and {last}"
    return f"{again.what}: {between}, last: {event.sentence}"


def _row(event: StatusLine) -> tuple[Any, ...]:
    lasted = event.lasted_ms
    how_long = "until now" if event.is_state and lasted is None else ""
    return (
        format_time(event.at_unix_ms, "milliseconds"),
        event.fact,
        describe(event),
        format_duration(lasted) if lasted is not None else how_long,
    )
