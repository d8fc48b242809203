"""`meridian switchover`: the planned change of the primary."""

from typing import Annotated

import typer

from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_line
from shared.api.failover import SwitchoverRequest, SwitchoverResult, switch_over
from shared.domain.ids import NodeId


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("switchover", cls=SiteCommand)(switchover)


def switchover(
    context: SiteContext,
    to: Annotated[
        str | None, typer.Option("--to", help="The master that is to be primary.")
    ] = None,
) -> None:
    """Make the other master primary; changes wait meanwhile, and none is refused."""
    request = SwitchoverRequest(to=None if to is None else NodeId(to))
    context.report(context.ask(switch_over(request)), _show)


def _show(answer: SwitchoverResult) -> None:
    print_line(
        f"{answer.primary} is primary of epoch {answer.epoch}; {answer.previous} is its "
        f"backup; nobody acted for {answer.seconds * 1000:.0f} ms"
    )
