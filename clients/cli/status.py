"""`meridian status`: the cluster as one of its gateways sees it."""

from typing import Annotated, Any

import typer

from clients.cli.command import SiteCommand, SiteContext
from clients.cli.output import print_line, print_table
from clients.cli.status_history import read_history, show_history
from clients.cli.times import SinceOption
from shared.api.cluster import ClusterStatus, NodeStatus, cluster_status
from shared.domain.errors import BadSettings
from shared.domain.log_server import FAULTS
from shared.domain.node import MasterRole, NodeRole
from shared.domain.service import ServiceRestarts


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("status", cls=SiteCommand)(status)


def status(
    context: SiteContext,
    history: Annotated[
        bool, typer.Option("--history", help="What happened, newest first, instead.")
    ] = False,
    since: SinceOption = None,
    node: Annotated[
        str | None, typer.Option("--node", help="With --history: only what concerns this node.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="With --history: each change by itself, none folded.")
    ] = False,
) -> None:
    """Show every node: role, liveness, position in the log, load; or what happened.

    Exits with 1 without a primary, while the primary is not well, a master is dead or a log server
    is out.
    """
    if not history and (since or node or every):
        raise BadSettings("--since, --node and --every are about what happened: add --history")
    if not history:
        answer = context.ask(cluster_status())
        context.report(answer, _show)
        if not answer.is_well:
            raise typer.Exit(1)
        return
    with context.client() as client:
        folded = not (every or context.prints_json)
        events = read_history(client, since, node, folded=folded)
    context.report(events, show_history)


def describe_service(service: ServiceRestarts) -> str:
    """Say how often a service ended uncleanly, and how it is now."""
    ends = service.restarts + (1 if service.is_away else 0)
    times = "once" if ends == 1 else f"{ends} times in a row"
    loop = ", a crash loop" if service.crash_loop else ""
    now = "it has not come back" if service.is_away else "it was started again"
    return f"{service.service} ended uncleanly {times}{loop}: {now}"


def faults_of(node: NodeStatus) -> tuple[str, ...]:
    """List what is wrong with *node*, a sentence each."""
    clock = () if node.clock is None or not node.clock.is_off else (node.clock.describe(),)
    services = map(describe_service, node.services)
    return (*node.reasons, *clock, *_log_faults(node), *services)


def _show(answer: ClusterStatus) -> None:
    primary = answer.primary or "none"
    print_line(f"site {answer.site}, primary {primary}, seen by {answer.seen_by}")
    columns = ("node", "role", "region", "state", "acts as", "epoch", "revision", "lag", "sessions")
    print_table(columns, map(_row, answer.nodes))
    for each in answer.nodes:
        for fault in faults_of(each):
            print_line(f"  {each.node}: {fault}")
    if answer.survival:
        print_line(answer.survival)


def _log_faults(node: NodeStatus) -> tuple[str, ...]:
    fault = None if node.log_server is None else FAULTS.get(node.log_server)
    return () if fault is None else (fault,)


def _row(node: NodeStatus) -> tuple[Any, ...]:
    state = str(node.liveness or "unknown")
    if node.role is NodeRole.WITNESS:  # it runs a log server, and no service that sends heartbeats
        state = "-" if node.log_server is None else str(node.log_server)
    if node.acts_as is MasterRole.PRIMARY and node.reasons:
        state += ", not well"
    if node.draining:
        state += ", draining"
    position = (node.epoch, node.revision, node.lag, node.sessions)
    return (node.node, node.role, node.region, state, node.acts_as, *position)
