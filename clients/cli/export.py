"""`meridian export`: prints the whole configuration."""

import typer

from clients.cli.command import SiteCommand, SiteContext
from clients.files.yaml_writer import write_yaml
from shared.api.documents import Export
from shared.api.documents import export as export_call


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("export", cls=SiteCommand)(export)


def export(context: SiteContext) -> None:
    """Print the whole configuration as YAML that apply takes; secrets are left out."""
    context.report(context.ask(export_call()), _show)


def _show(answer: Export) -> None:
    typer.echo(write_yaml(answer.documents), nl=False)
