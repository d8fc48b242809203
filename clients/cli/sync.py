"""`meridian sync`: makes followers catch up."""

from typing import Annotated, Any

import typer

from clients.cli.command import SiteCall, SiteCommand
from clients.cli.output import print_table


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("sync", cls=SiteCommand)(sync)


def sync(
    call: SiteCall,
    nodes: Annotated[list[str] | None, typer.Argument(help="Nodes; default: all.")] = None,
    resync: Annotated[
        bool, typer.Option("--resync", help="Take a snapshot instead of reading on.")
    ] = False,
) -> None:
    """Make followers catch up now and prove their position."""
    with call.client() as client:
        answer = client.call("POST", "/sync", {"nodes": nodes or [], "resync": resync})
    call.report(answer, _show)
    if not all(each["ok"] for each in answer):
        raise typer.Exit(1)


def _show(answer: list[dict[str, Any]]) -> None:
    columns = ("node", "state", "revision", "hash", "lag", "what is wrong")
    print_table(columns, map(_row, answer))


def _row(proof: dict[str, Any]) -> tuple[Any, ...]:
    names = ("node", "state", "revision", "hash", "lag", "detail")
    row = {**proof, "hash": str(proof["hash"])[:12]}
    return tuple(row[name] for name in names)
