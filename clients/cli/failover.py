"""Who is primary: the planned change of it, and what would happen without one."""

from typing import Annotated, Any

import typer

from clients.cli.failover_promote import promote
from clients.cli.options import CaOption, JsonOption, SiteOption
from clients.cli.output import as_json, plainly, say, table
from clients.site.api import SiteClient
from clients.site.profile import Profile

failover = typer.Typer(no_args_is_help=True, help="What happens when the primary fails.")


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("switchover")(switchover)
    failover.command("check")(check)
    failover.command("promote")(promote)
    app.add_typer(failover, name="failover")


@plainly
def switchover(
    to: Annotated[
        str | None, typer.Option("--to", help="The master that is to be primary.")
    ] = None,
    site: SiteOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Make the other master primary; changes wait meanwhile, and none is refused."""
    with SiteClient(Profile.load(site, ca)) as client:
        answer = client.call("POST", "/switchover", {"to": to})
    if json:
        as_json(answer)
        return
    say(
        f"{answer['primary']} is primary of epoch {answer['epoch']}; {answer['previous']} is its "
        f"backup; nobody acted for {answer['seconds'] * 1000:.0f} ms"
    )


@plainly
def check(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Say what would happen if the primary failed now, and why; fails when nobody would follow."""
    with SiteClient(Profile.load(site, ca)) as client:
        answer = client.get("/failover/check")
    if json:
        as_json(answer)
    else:
        say(answer["verdict"])
        table(("master", "acts as", "epoch", "would follow"), map(_row, answer["masters"]))
        for master in answer["masters"]:
            for fault in faults(master):
                say(f"  {master['node']}: {fault}")
    if answer["successor"] is None:
        raise typer.Exit(1)


def _row(master: dict[str, Any]) -> tuple[Any, ...]:
    would = "yes" if master["could_take_over"] else "no"
    if master["role"] == "primary":
        would = "-"
    return master["node"], master["role"] or "silent", master["epoch"], would


def faults(master: dict[str, Any]) -> list[str]:
    """What is not as it should be on *master*; one that is older says nothing of redirection."""
    redirection: dict[str, Any] = master.get("redirection") or {}
    found = [str(reason) for reason in master["reasons"]]
    if redirection.get("state") == "failing":
        found.append(
            f"the site's address does not lead to it yet: {redirection['cause']} "
            f"({redirection['code']}, attempts so far: {redirection['attempts']})"
        )
    return found
