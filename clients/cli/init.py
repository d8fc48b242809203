"""`meridian init`: makes a site."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from clients.cli.command import Command


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("init", cls=Command)(init)


def init(
    site: Annotated[str, typer.Option("--site", help="The site's name.")],
    document: Annotated[
        Path | None, typer.Option("--document", help="JSON with the site's first documents.")
    ] = None,
) -> None:
    """Make a site on its first master: the log, the lease, the first administrator.

    Run it in the environment of that master's config service, with MERIDIAN_ADMIN_PASSWORD_FILE.
    """
    more = () if document is None else ("--document", str(document))
    command = (sys.executable, "-m", "services.config", "init", "--site", site, *more)
    finished = subprocess.run(command, check=False)  # noqa: S603 - our own service's verb
    raise typer.Exit(finished.returncode)
