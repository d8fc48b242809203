"""`meridian status`: the cluster as one of its gateways sees it."""

from typing import Annotated, Any

import typer

from clients.cli.command import SiteCall, SiteCommand
from clients.cli.output import print_line, print_table
from clients.cli.status_history import read_history, show_history
from clients.cli.times import SinceOption
from shared.domain.errors import BadSettings


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("status", cls=SiteCommand)(status)


def status(
    call: SiteCall,
    history: Annotated[
        bool, typer.Option("--history", help="What happened, newest first, instead.")
    ] = False,
    since: SinceOption = None,
    node: Annotated[
        str | None, typer.Option("--node", help="With --history: only what concerns this node.")
    ] = None,
) -> None:
    """Show every node: role, liveness, position in the log, load; or what happened."""
    if not history and (since or node):
        raise BadSettings("--since and --node choose from what happened: add --history")
    with call.client() as client:
        if history:
            call.report(read_history(client, since, node), show_history)
        else:
            call.report(client.get("/status"), _show)


def describe_service(service: dict[str, Any]) -> str:
    """How often a service ended uncleanly, and how it is now."""
    ends = service["restarts"] + (1 if service["is_away"] else 0)
    times = "once" if ends == 1 else f"{ends} times in a row"
    loop = ", a crash loop" if service["crash_loop"] else ""
    now = "it has not come back" if service["is_away"] else "it was started again"
    return f"{service['service']} ended uncleanly {times}{loop}: {now}"


def _show(answer: dict[str, Any]) -> None:
    primary = answer["primary"] or "none"
    print_line(f"site {answer['site']}, primary {primary}, seen by {answer['seen_by']}")
    columns = ("node", "role", "region", "state", "acts as", "epoch", "revision", "lag", "sessions")
    print_table(columns, map(_row, answer["nodes"]))
    for each in answer["nodes"]:
        for reason in (*each["reasons"], *map(describe_service, each.get("services", ()))):
            print_line(f"  {each['node']}: {reason}")


def _row(node: dict[str, Any]) -> tuple[Any, ...]:
    state = node["liveness"] or "not heard of"
    if node["role"] == "witness":
        state = "-"
    if node["draining"]:
        state += ", draining"
    names = ("acts_as", "epoch", "revision", "lag", "sessions")
    return (node["node"], node["role"], node["region"], state, *(node[name] for name in names))
