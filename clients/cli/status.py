"""The cluster from outside: its status, and making followers catch up."""

from typing import Annotated, Any

import typer

from clients.cli.log import SinceOption
from clients.cli.options import CaOption, JsonOption, SiteOption
from clients.cli.output import as_json, plainly, say, table
from clients.cli.status_history import read, show
from clients.site.api import SiteClient
from clients.site.profile import Profile
from shared.domain.errors import BadSettings


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
    with SiteClient(Profile.load(site, ca)) as client:
        if history:
            show(read(client, since, node), is_json=json)
            return
        answer = client.get("/status")
    if json:
        as_json(answer)
        return
    say(
        f"site {answer['site']}, primary {answer['primary'] or 'none'}, seen by {answer['seen_by']}"
    )
    columns = ("node", "role", "region", "state", "acts as", "epoch", "revision", "lag", "sessions")
    table(columns, map(_row, answer["nodes"]))
    for each in answer["nodes"]:
        for reason in (*each["reasons"], *map(service_line, each.get("services", ()))):
            say(f"  {each['node']}: {reason}")


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
    with SiteClient(Profile.load(site, ca)) as client:
        answer = client.call("POST", "/sync", {"nodes": nodes or [], "resync": resync})
    if json:
        as_json(answer)
    else:
        columns = ("node", "state", "revision", "hash", "lag", "what is wrong")
        table(columns, (_sync_row(each) for each in answer))
    if not all(each["ok"] for each in answer):
        raise typer.Exit(1)


def _row(node: dict[str, Any]) -> tuple[Any, ...]:
    state = node["liveness"] or "not heard of"
    if node["role"] == "witness":
        state = "-"
    if node["draining"]:
        state += ", draining"
    names = ("acts_as", "epoch", "revision", "lag", "sessions")
    return (node["node"], node["role"], node["region"], state, *(node[name] for name in names))


def service_line(service: dict[str, Any]) -> str:
    """How often a service ended uncleanly, and how it is now."""
    ends = service["restarts"] + (1 if service["is_away"] else 0)
    times = "once" if ends == 1 else f"{ends} times in a row"
    loop = ", a crash loop" if service["crash_loop"] else ""
    now = "it has not come back" if service["is_away"] else "it was started again"
    return f"{service['service']} ended uncleanly {times}{loop}: {now}"


def _sync_row(proof: dict[str, Any]) -> tuple[Any, ...]:
    names = ("node", "state", "revision", "hash", "lag", "detail")
    row = {**proof, "hash": str(proof["hash"])[:12]}
    return tuple(row[name] for name in names)
