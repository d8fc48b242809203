"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

SiteOption = Annotated[
    str | None,
    typer.Option("--site", help="The site's front doors, URL[,URL]; default: where you signed in."),
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", help="The site's certificate authority (PEM).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
