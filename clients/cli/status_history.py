"""`meridian status --history`: what happened to the site, read page by page."""

import time
from itertools import islice
from typing import Any, Final

from clients.cli.output import print_table
from clients.cli.times import format_duration, format_time, parse_since
from shared.api.client import SiteClient
from shared.api.status_history import MOST_EVENTS, StatusHistoryQuery, status_history
from shared.domain.history import StatusLine

SHOWN: Final = 50
"""How many events are shown where no time is given."""


def read_history(client: SiteClient, since: str | None, node: str | None) -> list[StatusLine]:
    """All events since then, or the newest ones."""
    begin = 0 if since is None else parse_since(since, time.time())  # noqa: TID251 (a person's "ago")
    limit = SHOWN if since is None else MOST_EVENTS
    query = StatusHistoryQuery.model_validate(
        {"limit": limit, "since_unix_ms": begin, "node": node}
    )
    return list(islice(client.pages(status_history(query)), None if since else SHOWN))


def show_history(events: list[StatusLine]) -> None:
    """Print *events* as a table."""
    print_table(("time", "event", "what happened", "for"), (_row(each) for each in events))


def _row(event: StatusLine) -> tuple[Any, ...]:
    lasted = event.lasted_ms
    how_long = "until now" if event.is_state and lasted is None else ""
    return (
        format_time(event.at_unix_ms, "milliseconds"),
        event.fact,
        event.sentence,
        format_duration(lasted) if lasted is not None else how_long,
    )
