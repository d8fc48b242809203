"""What happened to the site, read page by page, as a table or for programs."""

import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from clients.api import API, SiteClient
from clients.commands.history import since_unix_ms
from clients.output import as_json, table

SHOWN: Final = 50
"""How many events are shown where no time is given."""

PAGE: Final = 200


def read(client: SiteClient, since: str | None, node: str | None) -> list[dict[str, Any]]:
    """All events since then, or the newest ones."""
    query: dict[str, Any] = {"limit": PAGE if since else SHOWN}
    if since is not None:
        query["since_unix_ms"] = since_unix_ms(since, time.time())  # noqa: TID251 (a person's "ago")
    if node is not None:
        query["node"] = node
    return list(islice(_events(client, query), None if since else SHOWN))


def show(events: list[dict[str, Any]], *, is_json: bool) -> None:
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


def _events(client: SiteClient, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    following: str | None = f"/status/history?{urlencode(query)}"
    while following is not None:
        page = client.get(following.removeprefix(API))
        yield from page["items"]
        following = page["next"]


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    moment = datetime.fromtimestamp(event["at_unix_ms"] / 1000).astimezone()
    lasted = event["lasted_ms"]
    how_long = "until now" if event["is_state"] and lasted is None else ""
    return (
        moment.isoformat(sep=" ", timespec="milliseconds"),
        event["fact"],
        event["said"],
        duration(lasted) if lasted is not None else how_long,
    )
