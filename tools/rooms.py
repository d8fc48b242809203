"""Reads which rooms each service has and who imports whom among them.

A room is a package of a service other than its `core`. `[tool.meridian.rooms]` in pyproject.toml
has one row for each room: the rooms and libraries that it may import beside the standard library,
pydantic and `shared`. `docs/architecture.md` draws the graph, and a test compares it with the rows.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).parents[1]
FREE: Final = frozenset({"pydantic", "pydantic_core", "shared"})
"""What a room may import without a row that says so."""


@dataclass(frozen=True)
class Room:
    """A package of a service with what its modules import.

    *rooms* are packages and loose modules of the same service; *libraries* are top-level names.
    """

    service: str
    name: str
    rooms: frozenset[str]
    libraries: frozenset[str]

    @property
    def key(self) -> str:
        return f"{self.service}.{self.name}"

    @property
    def imports(self) -> frozenset[str]:
        return self.rooms | self.libraries


def declared_rooms() -> dict[str, frozenset[str]]:
    """Read the rows of `[tool.meridian.rooms]`: room -> what it may import."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        rows = tomllib.load(file)["tool"]["meridian"]["rooms"]
    return {key: frozenset(names) for key, names in rows.items()}


def service_names() -> tuple[str, ...]:
    """Name the services, in the order of their folders."""
    return tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/__main__.py")))


@cache
def import_graph() -> grimp.ImportGraph:
    """Build the graph of every import in the services, libraries included."""
    return grimp.build_graph("services", include_external_packages=True, cache_dir=None)


def rooms_of(service: str) -> tuple[Room, ...]:
    """List the rooms of *service* with what they import, by name."""
    graph = import_graph()
    packages = sorted(
        path.parent.name for path in (ROOT / "services" / service).glob("*/__init__.py")
    )
    return tuple(_room(graph, service, name) for name in packages if name != "core")


def purpose_of(service: str, part: str) -> str:
    """Read the first sentence of a room's docstring: what the room is for."""
    package = ROOT / "services" / service / part
    path = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(text.split("\n\n")[0].split())


def rooms_chapter() -> str:
    """Write the tables of every service's rooms, in Markdown, as the import graph has them."""
    return "\n".join(line for service in service_names() for line in _table(service))


def _table(service: str) -> list[str]:
    head = [f"### {service}", "", "| part | what it does | imports |", "|---|---|---|"]
    outer = [_room(import_graph(), service, "handlers")]
    return [*head, *(_row(each) for each in (*outer, *rooms_of(service))), _core(service), ""]


def _row(room: Room) -> str:
    names = [*sorted(room.rooms), *(f"*{name}*" for name in sorted(room.libraries))]
    purpose = purpose_of(room.service, room.name)
    return f"| {room.name} | {purpose} | {', '.join(names) or 'nothing'} |"


def _core(service: str) -> str:
    return f"| core | {purpose_of(service, 'core')} | nothing of the service |"


def _room(graph: grimp.ImportGraph, service: str, name: str) -> Room:
    package = f"services.{service}.{name}"
    inside = {package} | graph.find_descendants(package)
    imported = {
        found for module in inside for found in graph.find_modules_directly_imported_by(module)
    }
    return Room(
        service,
        name,
        frozenset(_siblings(imported, service) - {name}),
        frozenset(_libraries(imported)),
    )


def _siblings(modules: Iterable[str], service: str) -> set[str]:
    prefix = f"services.{service}."
    return {m.removeprefix(prefix).partition(".")[0] for m in modules if m.startswith(prefix)}


def _libraries(modules: Iterable[str]) -> set[str]:
    tops = {module.partition(".")[0] for module in modules}
    return tops - FREE - {"services"} - set(sys.stdlib_module_names)
