"""The cluster from outside: its status, and making followers catch up."""

from typing import Annotated, Any

import typer

from clients.api import site_client
from clients.commands.history import SinceOption
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from clients.status_history import read, show
from shared.api.cluster import NodeStatus, SyncReport, SyncRequest, cluster_status
from shared.api.cluster import sync as sync_call
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.domain.service import ServiceRestarts


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("status")(status)
    app.command("sync")(sync)


@plainly
def status(
    history: Annotated[
        bool, typer.Option("--history", help="What happened, newest first, instead.")
    ] = False,
    since: SinceOption = None,
    node: Annotated[
        str | None, typer.Option("--node", help="With --history: only what concerns this node.")
    ] = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show every node: role, liveness, position in the log, load; or what happened."""
    if not history and (since or node):
        raise BadSettings("--since and --node choose from what happened: add --history")
    with site_client(Profile.load(site, ca)) as client:
        if history:
            show(read(client, since, node), is_json=json)
            return
        answer = client.ask(cluster_status())
    if json:
        as_json(answer)
        return
    say(f"site {answer.site}, primary {answer.primary or 'none'}, seen by {answer.seen_by}")
    columns = ("node", "role", "region", "state", "acts as", "epoch", "revision", "lag", "sessions")
    table(columns, map(_row, answer.nodes))
    for each in answer.nodes:
        for reason in (*each.reasons, *map(service_line, each.services)):
            say(f"  {each.node}: {reason}")


@plainly
def sync(
    nodes: Annotated[list[str] | None, typer.Argument(help="Nodes; default: all.")] = None,
    resync: Annotated[
        bool, typer.Option("--resync", help="Take a snapshot instead of reading on.")
    ] = False,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Make followers catch up now and prove their position."""
    with site_client(Profile.load(site, ca)) as client:
        request = SyncRequest(nodes=tuple(map(NodeId, nodes or ())), resync=resync)
        answer = client.ask(sync_call(request))
    if json:
        as_json(answer)
    else:
        columns = ("node", "state", "revision", "hash", "lag", "what is wrong")
        table(columns, (_sync_row(each) for each in answer))
    if not all(each.ok for each in answer):
        raise typer.Exit(1)


def _row(node: NodeStatus) -> tuple[Any, ...]:
    state = str(node.liveness or "not heard of")
    if node.role is NodeRole.WITNESS:
        state = "-"
    if node.draining:
        state += ", draining"
    position = (node.epoch, node.revision, node.lag, node.sessions)
    return (node.node, node.role, node.region, state, node.acts_as, *position)


def service_line(service: ServiceRestarts) -> str:
    """How often a service ended uncleanly, and how it is now."""
    ends = service.restarts + (1 if service.is_away else 0)
    times = "once" if ends == 1 else f"{ends} times in a row"
    loop = ", a crash loop" if service.crash_loop else ""
    now = "it has not come back" if service.is_away else "it was started again"
    return f"{service.service} ended uncleanly {times}{loop}: {now}"


def _sync_row(report: SyncReport) -> tuple[Any, ...]:
    place = (report.revision, report.hash[:12], report.lag)
    return (report.node, report.state, *place, report.detail)
