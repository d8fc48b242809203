"""`meridian failover`: what would happen without the primary, and a promotion without a quorum."""

import time
from typing import Annotated, Any, Final

import typer

from clients.cli.command import SiteCommand, SiteContext, TextCommand
from clients.cli.output import print_line, print_table
from clients.clock import now
from shared.api.changes import NewLogGeneration
from shared.api.client import SiteClient
from shared.api.failover import FailoverCheck, MasterCheck, PromotionRequest, check_failover
from shared.api.failover import promote as promote_call
from shared.domain.errors import BadSettings, MeridianError, ServerNotAlone, Unavailable
from shared.domain.ids import NodeId
from shared.domain.log_server import FAULTS
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState

PAUSE_SECONDS: Final = 1.0
RISK: Final = (
    "{node} will go on alone. The other side may still have a quorum and accept changes: then the "
    "site has two primaries until it is one again, and what the side that gives way accepted is "
    "put aside as a conflict. Stop the other log servers, or be sure that they are gone."
)
INSTRUCTION: Final = (
    "waiting until {node}'s NATS server runs alone: stop it, take the block `cluster` out of its "
    "configuration, give it an empty `store_dir`, and start it (docs/operations/disaster.md)"
)


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(no_args_is_help=True, help="What happens when the primary fails.")
    group.command("check", cls=SiteCommand)(check)
    group.command("promote", cls=TextCommand)(promote)
    app.add_typer(group, name="failover")


def check(context: SiteContext) -> None:
    """Show what would happen if the primary, or anything else, failed now, and why.

    Exits with 1 unless the site goes on and loses nothing, whichever one thing fails next.
    """
    answer = context.ask(check_failover())
    context.report(answer, _show)
    if not answer.survives_loss:
        raise typer.Exit(1)


def promote(
    context: SiteContext,
    node: Annotated[str, typer.Argument(help="The master that is to go on alone.")],
    force: Annotated[
        bool, typer.Option("--force", help="Yes, although there may be two primaries.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the records.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", help="So many seconds for the server to run alone.")
    ] = 600.0,
) -> None:
    """Make a master go on alone, without a quorum of the log's servers."""
    if not force or not reason.strip():
        raise BadSettings("a promotion without a quorum needs --force and a --reason")
    print_line(RISK.format(node=node))
    if not yes:
        typer.confirm(f"promote {node} by force?", abort=True, err=True)
    request = PromotionRequest(node=NodeId(node), force=force, reason=reason)
    with context.client() as client:
        answer = _promote(client, request, now() + wait)
    print_line(
        f"{node} goes on alone: generation {answer.log_generation} of the log began at "
        f"revision {answer.revision}, from its database; it is primary in a few seconds"
    )


def describe_faults(master: MasterCheck) -> list[str]:
    """Describe what is wrong with *master*, in sentences."""
    redirection, faults = master.redirection, list(master.reasons)
    if redirection.state is RedirectionState.FAILING:
        faults.append(
            f"the site's address does not lead to it yet: {redirection.cause} "
            f"({redirection.code}, attempts so far: {redirection.attempts})"
        )
    return faults


def describe_wait(error: MeridianError, node: str) -> str:
    """Describe what the operator must do, or wait for, after *error*."""
    if isinstance(error, ServerNotAlone):
        return INSTRUCTION.format(node=node)
    return f"waiting: {error.message}"


def _show(answer: FailoverCheck) -> None:
    print_line(answer.verdict)
    print_table(("master", "acts as", "epoch", "would follow"), map(_row, answer.masters))
    for master in answer.masters:
        for fault in describe_faults(master):
            print_line(f"  {master.node}: {fault}")
    for node, state in answer.log_servers.items():
        if state in FAULTS:
            print_line(f"  {node}: {FAULTS[state]}")
    if answer.survival:
        print_line(answer.survival)


def _row(master: MasterCheck) -> tuple[Any, ...]:
    would = "yes" if master.could_take_over else "no"
    if master.role is MasterRole.PRIMARY:
        would = "-"
    return master.node, master.role or "silent", master.epoch, would


def _promote(client: SiteClient, request: PromotionRequest, deadline: float) -> NewLogGeneration:
    """The site's answer, as soon as the master's server runs alone.

    Raises:
        MeridianError: it was refused, or the server did not run alone in time.
    """
    shown = ""
    while True:
        try:
            return client.ask(promote_call(request))
        except (ServerNotAlone, Unavailable) as error:
            if now() >= deadline:
                raise
            if shown != error.code:
                print_line(describe_wait(error, request.node))
            shown = error.code
        time.sleep(PAUSE_SECONDS)
