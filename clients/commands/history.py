"""`meridian log`: who changed what, when; and the log itself, walked or begun anew."""

import time
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from shared.api.changes import (
    MOST_LINES,
    ChangesQuery,
    RebuildRequest,
    list_changes,
    rebuild_log,
    verify_log,
)
from shared.domain.errors import BadSettings, Rejected
from shared.domain.history import HistoryLine

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
SHOW: Final = "show"

SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="No older than 30m, 12h or 7d, or 2026-01-31[T12:00]."),
]
KindOption = Annotated[str | None, typer.Option("--kind", help="Only this kind: node, user, …")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Only what this user changed.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many lines.")]


class LogGroup(TyperGroup):
    """`meridian log` alone, or with options, shows the log."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(cls=LogGroup, help="Who changed what, when.")
    group.command(SHOW)(log)
    group.command("verify")(verify)
    group.command("rebuild")(rebuild)
    app.add_typer(group, name="log")


@plainly
def log(
    since: SinceOption = None,
    kind: KindOption = None,
    author: AuthorOption = None,
    limit: LimitOption = 50,
    site: SiteOption = None,
    json: JsonOption = False,
) -> None:
    """Who changed what, when; newest first."""
    begin = 0 if since is None else since_unix_ms(since, time.time())  # noqa: TID251 (a person's "ago")
    query = ChangesQuery(
        limit=min(limit, MOST_LINES), since_unix_ms=begin, kind=kind or None, author=author or None
    )
    with site_client(Profile.load(site)) as client:
        lines = list(islice(client.pages(list_changes(query)), limit))
    if json:
        as_json(lines)
        return
    table(("revision", "time", "author", "changes"), ([*_row(line)] for line in lines))


@plainly
def verify(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Walk the hash chain in the log and in every master's database; fails if one is broken."""
    with site_client(Profile.load(site, ca)) as client:
        copies = client.ask(verify_log())
    if json:
        as_json(copies)
    else:
        names = ("copy_of", "entries", "skipped", "revision", "hash", "fault")
        table(names, ([getattr(each, name) for name in names] for each in copies))
    faulty = [each.copy_of for each in copies if each.fault]
    if faulty:
        raise Rejected(f"the chain does not hold: {', '.join(faulty)}", code="broken_chain")


@plainly
def rebuild(
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on without what a master alone has, or may have."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    with site_client(Profile.load(site, ca)) as client:
        request = RebuildRequest(force=force, reason=reason)
        answer = client.ask(rebuild_log(request))
    if json:
        as_json(answer)
        return
    say(
        f"generation {answer.log_generation} of the log began at revision "
        f"{answer.revision}, from {answer.node}'s database"
    )
    for node in answer.unreachable:
        say(f"{node} was not asked: what it alone had is shown as a conflict when it is back")
    for node in answer.left_behind:
        say(f"{node} gave way: what it alone had is shown as a conflict when it follows")


def since_unix_ms(text: str, now: float) -> int:
    """The moment that *text* means: so long before *now*, or a date of this machine's time zone.

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


def summary(line: HistoryLine) -> str:
    """What a line's request did: `put node berlin, denver; delete user rita`."""
    parts: dict[str, list[str]] = {}
    for change in line.changes:
        parts.setdefault(f"{change.op} {change.kind}", []).append(change.id)
    told = "; ".join(f"{did} {', '.join(names)}" for did, names in parts.items())
    more = line.count - len(line.changes)
    return f"{told} and {more} more" if more else told


def _row(line: HistoryLine) -> tuple[Any, ...]:
    moment = datetime.fromtimestamp(line.at_unix_ms / 1000).astimezone()
    shown = moment.isoformat(sep=" ", timespec="seconds")
    return line.revision, shown, line.author, summary(line)
