"""Who is primary: the planned change of it, and what would happen without one."""

from typing import Annotated, Any

import typer

from clients.api import site_client
from clients.commands.options import CaOption, JsonOption, SiteOption
from clients.commands.promotion import promote
from clients.output import as_json, plainly, say, table
from clients.profile import Profile
from shared.api.failover import MasterCheck, SwitchoverRequest, check_failover, switch_over
from shared.domain.ids import NodeId
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState

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
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(switch_over(SwitchoverRequest(to=None if to is None else NodeId(to))))
    if json:
        as_json(answer)
        return
    say(
        f"{answer.primary} is primary of epoch {answer.epoch}; {answer.previous} is its "
        f"backup; nobody acted for {answer.seconds * 1000:.0f} ms"
    )


@plainly
def check(site: SiteOption = None, ca: CaOption = None, json: JsonOption = False) -> None:
    """Say what would happen if the primary failed now, and why; fails when nobody would follow."""
    with site_client(Profile.load(site, ca)) as client:
        answer = client.ask(check_failover())
    if json:
        as_json(answer)
    else:
        say(answer.verdict)
        table(("master", "acts as", "epoch", "would follow"), map(_row, answer.masters))
        for master in answer.masters:
            for fault in faults(master):
                say(f"  {master.node}: {fault}")
    if answer.successor is None:
        raise typer.Exit(1)


def _row(master: MasterCheck) -> tuple[Any, ...]:
    would = "yes" if master.could_take_over else "no"
    if master.role is MasterRole.PRIMARY:
        would = "-"
    return master.node, master.role or "silent", master.epoch, would


def faults(master: MasterCheck) -> list[str]:
    """What is not as it should be on *master*."""
    redirection, found = master.redirection, list(master.reasons)
    if redirection.state is RedirectionState.FAILING:
        found.append(
            f"the site's address does not lead to it yet: {redirection.cause} "
            f"({redirection.code}, attempts so far: {redirection.attempts})"
        )
    return found
