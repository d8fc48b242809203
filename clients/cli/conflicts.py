"""`meridian conflicts`: changes that one master had alone when the site went on without it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.command import SiteCommand, SiteContext, TextCommand
from clients.cli.output import print_line, print_table
from clients.cli.times import format_time
from clients.files.yaml_writer import write_yaml
from shared.api.conflicts import (
    ConflictDecision,
    ConflictDetails,
    ConflictList,
    ConflictResult,
    list_conflicts,
    read_conflict,
    resolve_conflict,
)
from shared.domain.conflict import ConflictLine
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of

HELP = "Changes that one master had alone when the site went on without it."
IdArgument = Annotated[str, typer.Argument(help="The conflict, as the list names it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(no_args_is_help=True, help=HELP)
    group.command("list", cls=SiteCommand)(show_list)
    group.command("show", cls=SiteCommand)(show)
    group.command("export", cls=TextCommand)(export)
    group.command("resolve", cls=SiteCommand)(resolve)
    app.add_typer(group, name="conflicts")


def show_list(context: SiteContext) -> None:
    """Show what each master had alone, and what became of it."""
    context.report(context.ask(list_conflicts()), _show_list)


def show(context: SiteContext, conflict: IdArgument) -> None:
    """Show the documents of a conflict as they were left; secrets are left out."""
    context.report(context.ask(read_conflict(conflict)), _show_changes)


def export(
    context: SiteContext,
    conflict: IdArgument,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")],
) -> None:
    """Write the documents of a conflict as YAML that apply takes; secrets are left out."""
    answer = context.ask(read_conflict(conflict))
    deleted = [each for each in answer.changes if each.op == "delete"]
    heading = [f"# conflict {conflict}: what {answer.conflict.node} had alone"]
    heading += [f"# deleted there: {each.kind} {each.id}" for each in deleted]
    put = [each for each in answer.changes if each.op == "put"]
    body = write_yaml(put) if put else ""
    text = "\n".join(heading) + f"\n{body}"
    try:
        with file.open("x") as target:
            target.write(text)
    except OSError as error:
        raise BadSettings(f"{file} was not written: {reason_of(error)}") from error
    print_line(
        f"{len(put)} document(s) written to {file}; `meridian apply -f {file}` puts them back"
    )


def resolve(
    context: SiteContext,
    conflict: IdArgument,
    apply: Annotated[
        bool | None,
        typer.Option("--apply/--discard", help="Put its documents into the site, or give them up."),
    ] = None,
) -> None:
    """Decide what becomes of a conflict; its entries stay on the master that keeps them."""
    if apply is None:
        raise BadSettings("say --apply to put its documents into the site, or --discard")
    decision = ConflictDecision(resolution="apply" if apply else "discard")
    answer = context.ask(resolve_conflict(conflict, decision))
    context.report(answer, lambda answer: _show_resolution(conflict, answer))


def _show_list(answer: ConflictList) -> None:
    columns = ("conflict", "on", "kept", "after revision", "up to", "documents", "state")
    print_table(columns, (_row(each) for each in answer.conflicts))
    for node in answer.silent:
        print_line(f"{node} does not answer: what it keeps is not shown")


def _show_changes(answer: ConflictDetails) -> None:
    names = ("revision", "author", "op", "kind", "id")
    print_table(names, ([getattr(each, name) for name in names] for each in answer.changes))


def _show_resolution(conflict: str, answer: ConflictResult) -> None:
    at = f" at revision {answer.revision}" if answer.revision is not None else ""
    print_line(f"conflict {conflict} is {answer.conflict.resolution}{at}")


def _row(line: ConflictLine) -> tuple[Any, ...]:
    state = line.resolution or "open"
    if line.resolved_by:
        state += f" by {line.resolved_by}"
    kept = format_time(line.at_unix_ms)
    return line.id, line.node, kept, line.ancestor, line.revision, line.count, state
