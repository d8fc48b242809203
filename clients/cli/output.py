"""How commands speak: tables for people, JSON for programs, one sentence for what went wrong."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from shared.domain.errors import BadSettings, MeridianError

P = ParamSpec("P")
R = TypeVar("R")

FAILED = 1
MISUSED = 2


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """*command*, with every error of ours as one sentence on standard error and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except MeridianError as error:
            sys.stderr.write(f"meridian: {error.message}\n")
            code = MISUSED if isinstance(error, BadSettings) else FAILED
            raise typer.Exit(code) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(130) from interrupt

    return run


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")


def say(text: str) -> None:
    Console(soft_wrap=True, highlight=False).print(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; None and empty are shown as a dash."""
    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    Console().print(drawn)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        parts: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return ", ".join(str(each) for each in parts) or "-"
    return str(value)
