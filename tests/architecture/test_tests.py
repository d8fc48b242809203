"""The tests' own manners: fakes instead of mocks, and conditions instead of sleeps."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, Source, called, sources

MAY_SLEEP = {"compose", "integration", "system", "trials"}
SLEEPS = {"asyncio.sleep", "time.sleep", "anyio.sleep", "sleep"}


def test_fakes_are_written_and_nothing_is_patched() -> None:
    imported = [(each.name, name) for each in sources("tests") for name in _imported(each)]
    assert [(file, name) for file, name in imported if "mock" in name.split(".")] == []


def test_every_folder_of_tests_is_run_by_make_test_or_by_a_target_of_its_own() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    run = {*settings["ini_options"]["testpaths"], "tests/compose", "tests/trials"}
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}

    assert {str(Path(*folder.parts[:2])) for folder in folders} == run


def test_only_tests_with_real_servers_may_sleep() -> None:
    others = [each for each in sources("tests") if not MAY_SLEEP & set(each.module.split("."))]
    assert [f"{each.name}:{call.lineno}" for each in others for call in _sleeps(each)] == []


def _imported(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{name.name}" for name in names)
            case _:
                pass


def _sleeps(source: Source) -> Iterator[ast.Call]:
    """Find the sleeps; `sleep(0)` only lets others run, and does not wait."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called(node) in SLEEPS:
            match node.args:
                case [ast.Constant(value=0)]:
                    pass
                case _:
                    yield node
