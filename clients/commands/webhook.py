"""`meridian webhook`: a receiver's secret, how its deliveries go, and delivering again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from clients.api import site_client
from clients.commands.options import JsonOption, SiteOption
from clients.endpoint.clock import wall
from clients.events.wishes import since as moment
from clients.output import as_json, plainly, table
from clients.profile import Profile
from shared.api.documents import read_document, write_document
from shared.api.webhooks import webhook_progress, webhook_secret
from shared.documents import Kind
from shared.domain.webhook import WebhookProgress

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
    with site_client(Profile.load(site)) as client:
        typer.echo(client.ask(webhook_secret(name)).secret)


@plainly
def progress(name: NameArgument, site: SiteOption = None, json: JsonOption = False) -> None:
    """How far the deliveries are, and why they are no further."""
    with site_client(Profile.load(site)) as client:
        told = client.ask(webhook_progress(name))
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
    with site_client(Profile.load(site)) as client:
        found = client.ask(read_document(Kind.WEBHOOK, name))
        body = {**found.body, "since": begins}
        client.ask(write_document(Kind.WEBHOOK, name, body, expected=found.revision))
    typer.echo(f"{name} is told again from {begins} on")


def _row(told: WebhookProgress) -> tuple[str, ...]:
    last = told.last_delivered_unix_ms
    shown = "" if last is None else datetime.fromtimestamp(last / 1_000, UTC).isoformat()
    waiting = "unknown" if told.waiting is None else str(told.waiting)
    return told.webhook, told.state, waiting, shown, told.cause
