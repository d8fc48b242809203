"""`meridian secrets`: makes the secrets of a new site, and the key of one more node."""

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.command import Command
from clients.cli.output import print_line
from clients.files.site_secrets import make_node_key, make_site_secrets

FolderOption = Annotated[
    Path, typer.Option("--folder", help="Where they are kept, and nobody else may look.")
]
DEFAULT_FOLDER = Path("secrets")


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    group = typer.Typer(help="The secrets that a site begins with.", no_args_is_help=True)
    group.command("new", cls=Command)(new)
    group.command("node", cls=Command)(node)
    app.add_typer(group, name="secrets")


def new(
    master: Annotated[
        list[str],
        typer.Option(help="A master: NAME, or NAME=PUBLIC_KEY when its key was made elsewhere."),
    ],
    log_server: Annotated[
        list[str], typer.Option(help="HOST:PORT at which the NATS servers find one another.")
    ],
    node: Annotated[
        list[str] | None, typer.Option(help="Another node whose key is to be made here.")
    ] = None,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Make the secrets of a new site; what is there stays."""
    masters = dict(_split_key(each) for each in master)
    make_site_secrets(folder, masters, node or (), log_server)
    print_line(
        f"the secrets of a new site are in {folder}; the administrator's password is in admin"
    )


def node(
    name: Annotated[str, typer.Argument(help="The node's name.")],
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Make a node's own key, unless it has one, and print its public key."""
    typer.echo(make_node_key(folder, name))


def _split_key(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    return name, key
