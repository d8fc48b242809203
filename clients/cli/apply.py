"""`meridian apply`: makes the site what a file says, or shows the difference first."""

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.changes import describe_result, show_change
from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_line
from clients.files.site_file import read_documents
from shared.api.documents import ApplyRequest, ApplyResult
from shared.api.documents import apply as apply_call


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("apply", cls=SiteCommand)(apply)


def apply(
    context: SiteContext,
    file: Annotated[Path, typer.Option("-f", "--file", help="The site as YAML.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the file does not name.")
    ] = False,
) -> None:
    """Make the site what the file says; what it does not name stays, unless --prune."""
    request = ApplyRequest.model_validate(
        {"documents": read_documents(file), "prune": prune, "dry_run": dry_run}
    )
    answer = context.ask(apply_call(request))
    context.report(answer, lambda answer: _show(answer, is_dry_run=dry_run))


def _show(answer: ApplyResult, *, is_dry_run: bool) -> None:
    for change in answer.changes:
        show_change(change)
    if answer.changes:
        count = len(answer.changes)
        print_line(describe_result(count, answer.revision, is_dry_run=is_dry_run))
    else:
        print_line("nothing to change")
