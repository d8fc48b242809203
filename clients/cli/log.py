"""`meridian log`: who changed what, when; and the log itself, verified or rebuilt."""

import time
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from clients.cli.command import SiteCall, SiteCommand, SiteGroup
from clients.cli.output import print_line, print_table
from clients.cli.times import SinceOption, format_time, parse_since
from clients.site.api import API, SiteClient
from shared.domain.errors import BadSettings, Rejected

PAGE: Final = 200
VERIFY_SECONDS: Final = 600.0
REBUILD_SECONDS: Final = 60.0

KindOption = Annotated[str | None, typer.Option("--kind", help="Only this kind: node, user, …")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Only what this user changed.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many lines.")]


def register(app: typer.Typer) -> None:
    """Add the command and its verbs to *app*."""
    group = typer.Typer(
        cls=SiteGroup, invoke_without_command=True, subcommand_metavar="[show|verify|rebuild ...]"
    )
    group.callback()(log)
    group.command("show", cls=SiteCommand)(log)
    group.command("verify", cls=SiteCommand)(verify)
    group.command("rebuild", cls=SiteCommand)(rebuild)
    app.add_typer(group, name="log")


def log(
    call: SiteCall,
    since: SinceOption = None,
    kind: KindOption = None,
    author: AuthorOption = None,
    limit: LimitOption = 50,
) -> None:
    """Show who changed what, when; newest first."""
    if call.invoked_subcommand is not None:
        if any((since, kind, author, call.site, call.ca, call.prints_json)):
            raise BadSettings(f"give options after the verb {call.invoked_subcommand}")
        return
    query: dict[str, Any] = {"limit": min(limit, PAGE)}
    if since is not None:
        query["since_unix_ms"] = parse_since(since, time.time())  # noqa: TID251 (a person's "ago")
    query |= {name: value for name, value in (("kind", kind), ("author", author)) if value}
    with call.client() as client:
        lines = [line for line, _ in zip(_lines(client, query), range(limit), strict=False)]
    call.report(lines, _show_lines)


def verify(call: SiteCall) -> None:
    """Walk the hash chain in the log and in every master's database; fails if one is broken."""
    with call.client() as client:
        copies: list[dict[str, Any]] = client.call("GET", "/log/verify", seconds=VERIFY_SECONDS)
    call.report(copies, _show_copies)
    faulty = [each["copy_of"] for each in copies if each["fault"]]
    if faulty:
        raise Rejected(f"the chain does not hold: {', '.join(faulty)}", code="broken_chain")


def rebuild(
    call: SiteCall,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on without what a master alone has, or may have."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
) -> None:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    body = {"force": force, "reason": reason}
    with call.client() as client:
        answer = client.call("POST", "/log/rebuild", body, seconds=REBUILD_SECONDS)
    call.report(answer, _show_rebuilt)


def describe_changes(line: dict[str, Any]) -> str:
    """What a line's request changed: `put node berlin, denver; delete user rita`."""
    parts: dict[str, list[str]] = {}
    for change in line["changes"]:
        parts.setdefault(f"{change['op']} {change['kind']}", []).append(change["id"])
    text = "; ".join(f"{operation} {', '.join(names)}" for operation, names in parts.items())
    more = line["count"] - len(line["changes"])
    return f"{text} and {more} more" if more else text


def _lines(client: SiteClient, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    following: str | None = f"/log?{urlencode(query)}"
    while following is not None:
        page = client.get(following.removeprefix(API))
        yield from page["lines"]
        following = page["next"]


def _show_lines(lines: list[dict[str, Any]]) -> None:
    print_table(("revision", "time", "author", "changes"), ([*_row(line)] for line in lines))


def _show_copies(copies: list[dict[str, Any]]) -> None:
    names = ("copy_of", "entries", "skipped", "revision", "hash", "fault")
    print_table(names, ([each[name] for name in names] for each in copies))


def _show_rebuilt(answer: dict[str, Any]) -> None:
    print_line(
        f"generation {answer['log_generation']} of the log began at revision "
        f"{answer['revision']}, from {answer['node']}'s database"
    )
    for node in answer["unasked"]:
        print_line(
            f"{node} was not asked: what it alone had is shown as a conflict when it is back"
        )
    for node in answer.get("left_behind", ()):
        print_line(f"{node} gave way: what it alone had is shown as a conflict when it follows")


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["revision"], format_time(line["at_unix_ms"]), line["author"], describe_changes(line)
