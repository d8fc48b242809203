"""`meridian webhook`: a receiver's secret, the progress of its deliveries, and delivering again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clients.cli.command import SiteCall, SiteCommand, TextCommand
from clients.cli.output import print_table
from clients.cli.times import parse_start
from clients.clock import wall

NameArgument = Annotated[str, typer.Argument(help="The webhook's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Receivers outside that are notified of events.", no_args_is_help=True)
    group.command("secret", cls=TextCommand)(secret)
    group.command("progress", cls=SiteCommand)(progress)
    group.command("replay", cls=TextCommand)(replay)
    app.add_typer(group, name="webhook")


def secret(call: SiteCall, name: NameArgument) -> None:
    """Print the secret that the receiver verifies deliveries with (Standard Webhooks)."""
    with call.client() as client:
        typer.echo(client.get(f"/webhooks/{name}/secret")["secret"])


def progress(call: SiteCall, name: NameArgument) -> None:
    """Show how far the deliveries are, and why they are no further."""
    with call.client() as client:
        answer = client.get(f"/webhooks/{name}/progress")
    call.report(answer, _show)


def replay(
    call: SiteCall,
    name: NameArgument,
    since: Annotated[str, typer.Option("--since", help="From so long ago (10m), or from a time.")],
) -> None:
    """Deliver again what happened since then, and go on from there."""
    start = parse_start(since, wall()).astimezone(UTC).isoformat(timespec="seconds")
    with call.client() as client:
        webhook = client.get(f"/webhooks/{name}")
        body = {**webhook["body"], "since": start}
        expected = {"If-Match": f'"{webhook["revision"]}"'}
        client.call("PUT", f"/webhooks/{name}", body, headers=expected)
    typer.echo(f"{name} is notified again from {start} on")


def _show(answer: dict[str, Any]) -> None:
    print_table(("webhook", "state", "waiting", "last delivered", "cause"), [_row(answer)])


def _row(answer: dict[str, Any]) -> tuple[str, ...]:
    last = answer["last_delivered_unix_ms"]
    shown = "" if last is None else datetime.fromtimestamp(last / 1_000, UTC).isoformat()
    waiting = "unknown" if answer["waiting"] is None else str(answer["waiting"])
    return answer["webhook"], answer["state"], waiting, shown, answer["cause"]
