"""Prints what commands show: tables and lines for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table


def print_json(value: Any) -> None:
    """Print *value*, a model or anything made of models and plain values, on one line."""
    sys.stdout.write(json.dumps(to_jsonable_python(value)) + "\n")


def print_line(text: str) -> None:
    """Print *text*, which may hold Rich's markup."""
    Console(soft_wrap=True, highlight=False).print(text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; None and empty are shown as a dash."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, cast("Sequence[object]", value))) or "-"
    return str(value)
