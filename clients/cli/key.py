"""`meridian key`: makes pre-shared keys."""

import typer

from clients.cli.command import Command
from shared.crypto.keyring import make_psk


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="Pre-shared keys.", no_args_is_help=True)
    group.callback()(_group)
    group.command("new", cls=Command)(new)
    app.add_typer(group, name="key")


def _group() -> None:
    """Pre-shared keys."""


def new() -> None:
    """Print a good inter-appliance pre-shared key."""
    typer.echo(make_psk())
