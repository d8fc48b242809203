"""`meridian export`: prints the whole configuration."""

from typing import Any

import typer

from clients.cli.command import SiteCall, SiteCommand
from clients.files.yaml_writer import write_yaml


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("export", cls=SiteCommand)(export)


def export(call: SiteCall) -> None:
    """Print the whole configuration as YAML that apply takes; secrets are left out."""
    with call.client() as client:
        answer = client.get("/export")
    call.report(answer, _show)


def _show(answer: dict[str, Any]) -> None:
    typer.echo(write_yaml(answer["documents"]), nl=False)
