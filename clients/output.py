"""How commands speak: tables for people, JSON for programs, one sentence for what went wrong."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import typer
from pydantic_core import ValidationError, to_jsonable_python
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
        except ValidationError as error:
            sys.stderr.write(f"meridian: {_first_fault(error)}\n")
            raise typer.Exit(FAILED) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(130) from interrupt

    return run


def _first_fault(error: ValidationError) -> str:
    """What the API does not take of what was typed, as the site itself would say it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg'].removeprefix('Value error, ')}"


def as_json(value: Any) -> None:
    """Print *value*, a model or anything made of models and plain values, on one line."""
    sys.stdout.write(json.dumps(to_jsonable_python(value)) + "\n")


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
    if isinstance(value, list | tuple):
        return ", ".join(map(str, cast("Sequence[object]", value))) or "-"
    return str(value)
