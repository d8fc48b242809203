"""`meridian apply`: makes the site what a file says, or shows the difference first."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.changes import describe_result, show_change
from clients.cli.command import SiteCall, SiteCommand
from clients.cli.output import print_line
from clients.files.site_file import read_documents

APPLY_SECONDS = 300.0
"""A whole site of ten thousand nodes takes many entries of the log, one after the other."""


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("apply", cls=SiteCommand)(apply)


def apply(
    call: SiteCall,
    file: Annotated[Path, typer.Option("-f", "--file", help="The site as YAML.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the file does not name.")
    ] = False,
) -> None:
    """Make the site what the file says; what it does not name stays, unless --prune."""
    body = {"documents": read_documents(file), "prune": prune, "dry_run": dry_run}
    with call.client() as client:
        answer = client.call("POST", "/apply", body, seconds=APPLY_SECONDS)
    call.report(answer, lambda answer: _show(answer, is_dry_run=dry_run))


def _show(answer: dict[str, Any], *, is_dry_run: bool) -> None:
    for change in answer["changes"]:
        show_change(change)
    if answer["changes"]:
        count = len(answer["changes"])
        print_line(describe_result(count, answer["revision"], is_dry_run=is_dry_run))
    else:
        print_line("nothing to change")
