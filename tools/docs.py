"""Writes the pages that are made from the code; `make docs`.

`docs/events.md` lists every message of the control plane as `shared.events.CATALOGUE` declares
it, `docs/asyncapi.json` those for tools outside, `docs/benchmarks.md` the figures in
`bench/results`, and the chapter on rooms in `docs/architecture.md` the imports of the services.
A test says when a page is stale.
"""

import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from shared.events import CATALOGUE
from shared.events.message import Event, Message, Request
from tools.asyncapi import asyncapi
from tools.benchmarks import PAGE, benchmarks_page
from tools.rooms import rooms_chapter

ROOT: Final = Path(__file__).parents[1]
EVENTS: Final = ROOT / "docs" / "events.md"
HEAD: Final = ROOT / "tools" / "events_head.md"
ASYNCAPI: Final = ROOT / "docs" / "asyncapi.json"
ARCHITECTURE: Final = ROOT / "docs" / "architecture.md"
ROOMS_BEGIN: Final = "<!-- rooms: written by `make docs` from the import graph -->"
ROOMS_END: Final = "<!-- end of rooms -->"


def events_page() -> str:
    """The page of all messages, in the catalogue's order."""
    return "\n".join([HEAD.read_text(), _index(), *(_chapter(message) for message in CATALOGUE)])


def _index() -> str:
    rows = (
        f"| [{each.__name__}](#{each.__name__.lower()}) | `{each.subject.template}` "
        f"| {_kind(each)} |"
        for each in CATALOGUE
    )
    return "\n".join(("| message | subject | kind |", "|---|---|---|", *rows, ""))


def _chapter(message: type[Event]) -> str:
    subject = message.subject
    lines = [
        f"## {message.__name__}",
        "",
        _first_paragraph(message),
        "",
        f"`{subject.template}` · {_kind(message)} · from {_names(subject.speakers)}"
        + (f" · answered by {_names(subject.answered_by)}" if subject.answered_by else ""),
        "",
        *_fields(message),
    ]
    if issubclass(message, Request):
        lines += [f"Answer: `{message.reply.__name__}`.", "", *_fields(message.reply)]
    return "\n".join(lines)


def _kind(message: type[Event]) -> str:
    if issubclass(message, Request):
        return "request, at any age" if message.subject.any_age else "request"
    return "stored" if message.subject.stored else "live"


def _names(services: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(services))


def _fields(message: type[Message]) -> list[str]:
    rows = [
        f"| `{name}` | `{_type(field.annotation)}` | {'yes' if field.is_required() else 'no'} |"
        for name, field in message.model_fields.items()
    ]
    if not rows:
        return ["No fields.", ""]
    return ["| field | type | always there |", "|---|---|---|", *rows, ""]


def _type(annotation: Any) -> str:
    name = inspect.formatannotation(annotation)
    name = re.sub(r"\b(shared\.domain\.\w+|typing)\.", "", name)
    module = name.rpartition("shared.events.")[0]
    name = name if module == name else _without_modules(name)
    return name.replace("|", "or")


def _without_modules(name: str) -> str:
    for module in {each.__module__ for each in CATALOGUE}:
        name = name.replace(f"{module}.", "")
    return name


def _first_paragraph(message: type[Message]) -> str:
    return " ".join((inspect.getdoc(message) or "").split("\n\n")[0].split())


def architecture_page() -> str:
    """The page on the architecture as it stands, with its chapter on rooms written anew."""
    before, _, rest = ARCHITECTURE.read_text().partition(ROOMS_BEGIN)
    _, _, after = rest.partition(ROOMS_END)
    return f"{before}{ROOMS_BEGIN}\n{rooms_chapter()}\n{ROOMS_END}{after}"


def main() -> None:
    """Write every page."""
    pages = (
        (EVENTS, events_page()),
        (ASYNCAPI, asyncapi()),
        (PAGE, benchmarks_page()),
        (ARCHITECTURE, architecture_page()),
    )
    for path, page in pages:
        path.write_text(page)
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
