"""`meridian log`: who changed what, when; and the log itself, verified or rebuilt."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.command import SiteCommand, SiteContext, SiteGroup
from clients.cli.output import print_line, print_table
from clients.cli.times import SinceOption, format_time, parse_since
from shared.api.changes import (
    MOST_LINES,
    ChangesQuery,
    CopyReport,
    NewLogGeneration,
    RebuildRequest,
    list_changes,
    rebuild_log,
    verify_log,
)
from shared.domain.errors import BadSettings, Rejected
from shared.domain.history import HistoryLine

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
    context: SiteContext,
    since: SinceOption = None,
    kind: KindOption = None,
    author: AuthorOption = None,
    limit: LimitOption = 50,
) -> None:
    """Show who changed what, when; newest first."""
    if context.invoked_subcommand is not None:
        if any((since, kind, author, context.site, context.ca, context.prints_json)):
            raise BadSettings(f"give options after the verb {context.invoked_subcommand}")
        return
    begin = 0 if since is None else parse_since(since, time.time())  # noqa: TID251 (a person's "ago")
    query = ChangesQuery(
        limit=min(limit, MOST_LINES), since_unix_ms=begin, kind=kind or None, author=author or None
    )
    with context.client() as client:
        lines = list(islice(client.pages(list_changes(query)), limit))
    context.report(lines, _show_lines)


def verify(context: SiteContext) -> None:
    """Walk the hash chain in the log and in every master's database; fails if one is broken."""
    copies = context.ask(verify_log())
    context.report(copies, _show_copies)
    faulty = [each.copy_of for each in copies if each.fault]
    if faulty:
        raise Rejected(f"the chain does not hold: {', '.join(faulty)}", code="broken_chain")


def rebuild(
    context: SiteContext,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on without what a master alone has, or may have."),
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
) -> None:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    answer = context.ask(rebuild_log(RebuildRequest(force=force, reason=reason)))
    context.report(answer, _show_rebuilt)


def describe_changes(line: HistoryLine) -> str:
    """Describe what a line's request changed: `put node berlin, denver; delete user rita`."""
    parts: dict[str, list[str]] = {}
    for change in line.changes:
        parts.setdefault(f"{change.op} {change.kind}", []).append(change.id)
    text = "; ".join(f"{operation} {', '.join(names)}" for operation, names in parts.items())
    more = line.count - len(line.changes)
    return f"{text} and {more} more" if more else text


def _show_lines(lines: Sequence[HistoryLine]) -> None:
    print_table(("revision", "time", "author", "changes"), ([*_row(line)] for line in lines))


def _show_copies(copies: Sequence[CopyReport]) -> None:
    names = ("copy_of", "entries", "skipped", "revision", "hash", "fault")
    print_table(names, ([getattr(each, name) for name in names] for each in copies))


def _show_rebuilt(answer: NewLogGeneration) -> None:
    print_line(
        f"generation {answer.log_generation} of the log began at revision "
        f"{answer.revision}, from {answer.node}'s database"
    )
    for node in answer.unreachable:
        print_line(
            f"{node} was not asked: what it alone had is shown as a conflict when it is back"
        )
    for node in answer.left_behind:
        print_line(f"{node} gave way: what it alone had is shown as a conflict when it follows")


def _row(line: HistoryLine) -> tuple[Any, ...]:
    return line.revision, format_time(line.at_unix_ms), line.author, describe_changes(line)
