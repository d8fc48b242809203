"""Each service is a core and rooms, and a room imports what its row in pyproject.toml names."""

import ast
from pathlib import Path

from tests.architecture.sources import ROOT, Source, sources
from tools.rooms import declared_rooms, rooms_of, service_names

BESIDE = {"__init__", "__main__", "app", "handlers", "settings"}
"""The modules that stand beside the rooms; `core` and rooms are packages."""

OUTER = {"app", "handlers", "__main__"}


def test_a_room_imports_what_its_row_names_and_nothing_else() -> None:
    rows = declared_rooms()
    found = {room.key: room.imports for service in service_names() for room in rooms_of(service)}
    none = frozenset[str]()
    beyond = {key: sorted(names - rows.get(key, none)) for key, names in found.items()}
    unused = {key: sorted(names - found.get(key, none)) for key, names in rows.items()}
    assert {key: names for key, names in beyond.items() if names} == {}
    assert {key: names for key, names in unused.items() if names} == {}
    assert sorted(rows) == sorted(found)


def test_no_row_lets_a_room_reach_outward() -> None:
    assert {key: names & OUTER for key, names in declared_rooms().items() if names & OUTER} == {}


def test_rooms_do_not_import_one_another_in_a_circle() -> None:
    circles = list[str]()
    for service in service_names():
        edges = {room.name: set(room.rooms) for room in rooms_of(service)}
        while leaves := {name for name, to in edges.items() if not to & set(edges)}:
            edges = {name: to for name, to in edges.items() if name not in leaves}
        circles += [f"{service}: {sorted(edges)}"] if edges else []
    assert circles == []


def test_no_module_that_awaits_lies_loose_beside_the_rooms() -> None:
    loose = [
        source.name
        for service in service_names()
        for source in sources(f"services/{service}")
        if _is_loose(source, service) and _awaits(source)
    ]
    assert loose == []


def _is_loose(source: Source, service: str) -> bool:
    folder = Path(source.name).parent
    return folder == Path("services") / service and Path(source.name).stem not in BESIDE


def _awaits(source: Source) -> bool:
    return any(isinstance(node, ast.AsyncFunctionDef) for node in source.definitions)


def test_every_service_lies_in_this_project() -> None:
    assert all((ROOT / "services" / service / "core").is_dir() for service in service_names())
