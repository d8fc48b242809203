"""Options that many commands share."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

SiteOption = Annotated[
    str | None,
    typer.Option("--site", help="The site's front doors, URL[,URL]; default: where you signed in."),
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", help="The site's certificate authority (PEM).")
]
NodeOption = Annotated[
    str | None,
    typer.Option("--node", help="The traffic node that the session is to go by, if it may."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

T = TypeVar("T")
R = TypeVar("R")


def taking(options: type[T]) -> Callable[[Callable[[T], R]], Callable[..., R]]:
    """Make a function that takes many options as one dataclass, *options*, fit for a command."""

    def made(command: Callable[[T], R]) -> Callable[..., R]:
        def run(**told: Any) -> R:
            return command(options(**told))

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__annotations__ = get_type_hints(options, include_extras=True)
        run.__signature__ = signature(options)  # type: ignore[attr-defined]
        return run

    return made
