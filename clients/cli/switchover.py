"""`meridian switchover`: the planned change of the primary."""

from typing import Annotated, Any

import typer

from clients.cli.command import SiteCall, SiteCommand
from clients.cli.output import print_line


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("switchover", cls=SiteCommand)(switchover)


def switchover(
    call: SiteCall,
    to: Annotated[
        str | None, typer.Option("--to", help="The master that is to be primary.")
    ] = None,
) -> None:
    """Make the other master primary; changes wait meanwhile, and none is refused."""
    with call.client() as client:
        answer = client.call("POST", "/switchover", {"to": to})
    call.report(answer, _show)


def _show(answer: dict[str, Any]) -> None:
    print_line(
        f"{answer['primary']} is primary of epoch {answer['epoch']}; {answer['previous']} is its "
        f"backup; nobody acted for {answer['seconds'] * 1000:.0f} ms"
    )
