"""`meridian status --history`: what happened to the site, read page by page."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from clients.cli.output import print_table
from clients.cli.times import format_duration, format_time, parse_since
from clients.site.api import API, SiteClient

SHOWN: Final = 50
"""How many events are shown where no time is given."""

PAGE: Final = 200


def read_history(client: SiteClient, since: str | None, node: str | None) -> list[dict[str, Any]]:
    """All events since then, or the newest ones."""
    query: dict[str, Any] = {"limit": PAGE if since else SHOWN}
    if since is not None:
        query["since_unix_ms"] = parse_since(since, time.time())  # noqa: TID251 (a person's "ago")
    if node is not None:
        query["node"] = node
    return list(islice(_events(client, query), None if since else SHOWN))


def show_history(events: list[dict[str, Any]]) -> None:
    """Print *events* as a table."""
    print_table(("time", "event", "what happened", "for"), (_row(each) for each in events))


def _events(client: SiteClient, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    following: str | None = f"/status/history?{urlencode(query)}"
    while following is not None:
        page = client.get(following.removeprefix(API))
        yield from page["events"]
        following = page["next"]


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    lasted = event["lasted_ms"]
    how_long = "until now" if event["is_state"] and lasted is None else ""
    return (
        format_time(event["at_unix_ms"], "milliseconds"),
        event["fact"],
        event["said"],
        format_duration(lasted) if lasted is not None else how_long,
    )
