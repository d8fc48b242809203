"""`meridian conflicts`: what a master had alone when the site went on without it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.api import site_client
from clients.commands.configuration import as_yaml
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from shared.api.conflicts import ConflictDecision, list_conflicts, read_conflict, resolve_conflict
from shared.domain.conflict import ConflictLine
from shared.domain.errors import BadSettings

IdArgument = Annotated[str, typer.Argument(help="The conflict, as the list names it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(no_args_is_help=True, help="What a master had alone.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("export")(export)
    group.command("resolve")(resolve)
    app.add_typer(group, name="conflicts")


@plainly
def list_(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Show what each master had alone, and what became of it."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(list_conflicts())
    if json:
        as_json(answer)
        return
    columns = ("conflict", "on", "kept", "after revision", "up to", "documents", "state")
    table(columns, (_row(each) for each in answer.conflicts))
    for node in answer.silent:
        say(f"{node} does not answer: what it keeps is not shown")


@plainly
def show(
    conflict: IdArgument,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show the documents of a conflict as they were left; secrets are left out."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(read_conflict(conflict))
    if json:
        as_json(answer)
        return
    names = ("revision", "author", "op", "kind", "id")
    rows = ((each.revision, each.author, each.op, each.kind, each.id) for each in answer.changes)
    table(names, rows)


@plainly
def export(
    conflict: IdArgument,
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")],
    site: SiteOption = None,
    ca: CaOption = None,
) -> None:
    """Write the documents of a conflict as YAML that apply takes; secrets are left out."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(read_conflict(conflict))
    gone = [each for each in answer.changes if each.op == "delete"]
    head = [f"# conflict {conflict}: what {answer.conflict.node} had alone"]
    head += [f"# deleted there: {each.kind} {each.id}" for each in gone]
    kept = [each for each in answer.changes if each.op == "put"]
    body = as_yaml(kept) if kept else ""
    text = "\n".join(head) + f"\n{body}"
    try:
        with file.open("x") as target:
            target.write(text)
    except OSError as error:
        raise BadSettings(f"{file} was not written: {error.strerror}") from error
    say(f"{len(kept)} document(s) written to {file}; `meridian apply -f {file}` puts them back")


@plainly
def resolve(
    conflict: IdArgument,
    apply: Annotated[
        bool | None,
        typer.Option("--apply/--discard", help="Put its documents into the site, or give them up."),
    ] = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Decide what becomes of a conflict; its entries stay on the master that keeps them."""
    if apply is None:
        raise BadSettings("say --apply to put its documents into the site, or --discard")
    decision = ConflictDecision(resolution="apply" if apply else "discard")
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(resolve_conflict(conflict, decision))
    if json:
        as_json(answer)
        return
    at = f" at revision {answer.revision}" if answer.revision is not None else ""
    say(f"conflict {conflict} is {answer.conflict.resolution}{at}")


def _row(line: ConflictLine) -> tuple[Any, ...]:
    kept = datetime.fromtimestamp(line.at_unix_ms / 1000).astimezone()
    state = line.resolution or "open"
    if line.resolved_by:
        state += f" by {line.resolved_by}"
    shown = kept.isoformat(sep=" ", timespec="seconds")
    return line.id, line.node, shown, line.ancestor, line.revision, line.count, state
