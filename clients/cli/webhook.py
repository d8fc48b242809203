"""`meridian webhook`: a receiver's secret and progress, delivering again, and enabling one."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from clients.cli.command import SiteCommand, SiteContext, TextCommand
from clients.cli.output import print_table
from clients.cli.times import parse_start
from clients.clock import wall
from shared.api.documents import read_document, write_document
from shared.api.webhooks import webhook_progress, webhook_secret
from shared.documents import Kind
from shared.domain.webhook import WebhookProgress

NameArgument = Annotated[str, typer.Argument(help="The webhook's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Receivers outside that are notified of events.", no_args_is_help=True)
    group.command("secret", cls=TextCommand)(secret)
    group.command("progress", cls=SiteCommand)(progress)
    group.command("replay", cls=TextCommand)(replay)
    group.command("enable", cls=TextCommand)(enable)
    app.add_typer(group, name="webhook")


def secret(context: SiteContext, name: NameArgument) -> None:
    """Print the secret that the receiver verifies deliveries with (Standard Webhooks)."""
    typer.echo(context.ask(webhook_secret(name)).secret)


def progress(context: SiteContext, name: NameArgument) -> None:
    """Show how far the deliveries are, and why they are no further."""
    context.report(context.ask(webhook_progress(name)), _show)


def replay(
    context: SiteContext,
    name: NameArgument,
    since: Annotated[str, typer.Option("--since", help="From so long ago (10m), or from a time.")],
) -> None:
    """Deliver again what happened since then, and go on from there."""
    start = parse_start(since, wall()).astimezone(UTC).isoformat(timespec="seconds")
    with context.client() as client:
        webhook = client.ask(read_document(Kind.WEBHOOK, name))
        body = {**webhook.body, "since": start}
        client.ask(write_document(Kind.WEBHOOK, name, body, expected=webhook.revision))
    typer.echo(f"{name} is notified again from {start} on")


def enable(context: SiteContext, name: NameArgument) -> None:
    """Confirm that this site is to deliver to the receiver."""
    with context.client() as client:
        webhook = client.ask(read_document(Kind.WEBHOOK, name))
        body = {**webhook.body, "enabled": True}
        client.ask(write_document(Kind.WEBHOOK, name, body, expected=webhook.revision))
    typer.echo(f"{name} is enabled: this site delivers to {webhook.body['url']}")


def _show(progress: WebhookProgress) -> None:
    print_table(("webhook", "state", "waiting", "last delivered", "cause"), [_row(progress)])


def _row(progress: WebhookProgress) -> tuple[str, ...]:
    last = progress.last_delivered_unix_ms
    shown = "" if last is None else datetime.fromtimestamp(last / 1_000, UTC).isoformat()
    waiting = "unknown" if progress.waiting is None else str(progress.waiting)
    return progress.webhook, progress.state, waiting, shown, progress.cause
