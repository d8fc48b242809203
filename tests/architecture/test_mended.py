"""Tests of mended faults must run against other commits, so they know the product from outside."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import PRODUCT, Source, called, sources
from tests.system.mended import SIGNS

TESTS = {source.module: source for source in sources("tests")}
MARKERS = [
    (source, call)
    for source in TESTS.values()
    for call in ast.walk(source.tree)
    if isinstance(call, ast.Call) and called(call) == "pytest.mark.mends"
]
MARKED = {source.module: source for source, _ in MARKERS}


@pytest.mark.parametrize("source", MARKED.values(), ids=lambda source: source.name)
def test_a_test_of_a_mended_fault_imports_nothing_of_the_product(source: Source) -> None:
    found = {
        f"{each.name} imports {name}"
        for each in _reached(source)
        for name in _imports(each)
        if name.split(".")[0] in PRODUCT
    }
    assert found == set()


def test_every_marker_declares_one_of_the_signs() -> None:
    assert MARKERS
    wrong = [f"{source.name}:{call.lineno}" for source, call in MARKERS if _sign(call) not in SIGNS]
    assert wrong == []


def _sign(call: ast.Call) -> object:
    match call:
        case ast.Call(args=[], keywords=[ast.keyword(arg="sign", value=ast.Constant(value=sign))]):
            return sign
        case _:
            return None


def _reached(source: Source) -> list[Source]:
    """The file and every file of tests that it imports, however far away."""
    found, waiting = {source.module: source}, [source]
    while waiting:
        for name in _imports(waiting.pop()):
            if name in TESTS and name not in found:
                found[name] = TESTS[name]
                waiting.append(TESTS[name])
    return list(found.values())


def _imports(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{each.name}" for each in names)
            case _:
                pass
