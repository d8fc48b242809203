"""The configuration as a file: apply it, look at the difference first, export it."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
from rich.markup import escape
from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.document import SECTIONS, read_documents
from clients.output import as_json, plainly, say
from clients.profile import Profile
from shared.api.documents import ApplyRequest, DocumentChange, DocumentView
from shared.api.documents import apply as apply_call
from shared.api.documents import export as export_call
from shared.documents import Kind
from shared.domain.conflict import ConflictChange

SIGNS = {"create": ("green", "+"), "update": ("yellow", "~"), "delete": ("red", "-")}


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("apply")(apply)
    app.command("export")(export)


@plainly
def apply(
    file: Annotated[Path, typer.Option("-f", "--file", help="The site as YAML.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the file does not name.")
    ] = False,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Make the site what the file says; what it does not name stays, unless --prune."""
    request = ApplyRequest.model_validate(
        {"documents": read_documents(file), "prune": prune, "dry_run": dry_run}
    )
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(apply_call(request))
    if json:
        as_json(answer)
        return
    for change in answer.changes:
        show_change(change)
    count = len(answer.changes)
    if not count:
        say("nothing to change")
    elif dry_run:
        say(f"{count} change(s) would be made; nothing was written")
    else:
        say(f"{count} change(s) made, revision {answer.revision}")


@plainly
def export(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Print the whole configuration as YAML that apply takes; secrets are left out."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(export_call())
    if json:
        as_json(answer)
        return
    typer.echo(as_yaml(answer.documents), nl=False)


def as_yaml(documents: Iterable[DocumentView | ConflictChange]) -> str:
    """*documents* as a site file, which apply takes."""
    sections = {kind.value: name for name, kind in SECTIONS.items()}
    content: dict[str, Any] = {}
    for document in documents:
        if document.kind == Kind.SITE:
            content["site"] = document.body
        else:
            content.setdefault(sections[document.kind], {})[document.id] = document.body
    text, writer = io.StringIO(), cast("Any", YAML(typ="safe", pure=True))
    writer.Representer = _Exact
    writer.width = 1_000
    writer.dump(content, text)
    return text.getvalue()


PLAIN: Final = re.compile(r"[A-Za-z0-9_/@]([A-Za-z0-9_ ./@-]*[A-Za-z0-9_/@])?", re.ASCII)


class _Exact(SafeRepresenter):
    """Quotes every text but the plainest: some that the writer leaves bare, its reader refuses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        base = cast("Any", super())
        base.__init__(*args, **kwargs)
        known = cast("Any", SafeRepresenter).yaml_representers
        self.yaml_representers = {**known, str: type(self).represent_str}

    def represent_str(self, data: str) -> Any:
        style = None if PLAIN.fullmatch(data) else '"'
        return cast("Any", self).represent_scalar("tag:yaml.org,2002:str", data, style=style)


def show_change(change: DocumentChange) -> None:
    """Show one difference, in colour and with its fields."""
    colour, sign = SIGNS[change.op]
    say(f"[{colour}]{sign} {change.kind} {escape(change.id)}[/{colour}]")
    before: dict[str, Any] = change.before or {}
    after: dict[str, Any] = change.after or {}
    for name in sorted({*before, *after}) if change.op == "update" else ():
        if before.get(name) != after.get(name):
            old, new = escape(repr(before.get(name))), escape(repr(after.get(name)))
            say(f"    {name}: [red]{old}[/red] → [green]{new}[/green]")
