"""`meridian webhook`: a receiver's secret, how its deliveries go, and delivering again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clients.cli.options import JsonOption, SiteOption
from clients.cli.output import as_json, plainly, table
from clients.clock import wall
from clients.events.filters import since as moment
from clients.site.api import SiteClient
from clients.site.profile import Profile

NameArgument = Annotated[str, typer.Argument(help="The webhook's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    webhook = typer.Typer(help="Receivers outside that are told of events.", no_args_is_help=True)
    webhook.command("secret")(secret)
    webhook.command("progress")(progress)
    webhook.command("replay")(replay)
    app.add_typer(webhook, name="webhook")


@plainly
def secret(name: NameArgument, site: SiteOption = None) -> None:
    """The secret that the receiver verifies deliveries with (Standard Webhooks)."""
    with SiteClient(Profile.load(site)) as client:
        typer.echo(client.get(f"/webhooks/{name}/secret")["secret"])


@plainly
def progress(name: NameArgument, site: SiteOption = None, json: JsonOption = False) -> None:
    """How far the deliveries are, and why they are no further."""
    with SiteClient(Profile.load(site)) as client:
        told = client.get(f"/webhooks/{name}/progress")
    if json:
        as_json(told)
        return
    table(("webhook", "state", "waiting", "last delivered", "cause"), [_row(told)])


@plainly
def replay(
    name: NameArgument,
    since: Annotated[str, typer.Option("--since", help="From so long ago (10m), or from a time.")],
    site: SiteOption = None,
) -> None:
    """Deliver again what happened since then, and go on from there."""
    begins = moment(since, wall()).astimezone(UTC).isoformat(timespec="seconds")
    with SiteClient(Profile.load(site)) as client:
        found = client.get(f"/webhooks/{name}")
        body = {**found["body"], "since": begins}
        client.call(
            "PUT", f"/webhooks/{name}", body, headers={"If-Match": f'"{found["revision"]}"'}
        )
    typer.echo(f"{name} is told again from {begins} on")


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    last = told["last_delivered_unix_ms"]
    shown = "" if last is None else datetime.fromtimestamp(last / 1_000, UTC).isoformat()
    waiting = "unknown" if told["waiting"] is None else str(told["waiting"])
    return told["webhook"], told["state"], waiting, shown, told["cause"]
