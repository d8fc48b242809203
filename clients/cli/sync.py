"""`meridian sync`: makes followers catch up."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_table
from shared.api.cluster import SyncReport, SyncRequest
from shared.api.cluster import sync as sync_call
from shared.domain.ids import NodeId


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("sync", cls=SiteCommand)(sync)


def sync(
    context: SiteContext,
    nodes: Annotated[list[str] | None, typer.Argument(help="Nodes; default: all.")] = None,
    resync: Annotated[
        bool, typer.Option("--resync", help="Take a snapshot instead of reading on.")
    ] = False,
) -> None:
    """Make followers catch up now and prove their position."""
    request = SyncRequest(nodes=tuple(map(NodeId, nodes or ())), resync=resync)
    answer = context.ask(sync_call(request))
    context.report(answer, _show)
    if not all(each.ok for each in answer):
        raise typer.Exit(1)


def _show(answer: Sequence[SyncReport]) -> None:
    columns = ("node", "state", "revision", "hash", "lag", "what is wrong")
    print_table(columns, map(_row, answer))


def _row(report: SyncReport) -> tuple[Any, ...]:
    position = (report.revision, report.hash[:12], report.lag)
    return (report.node, report.state, *position, report.detail)
