"""Tests of mended faults must run against other commits, so they know the product from outside."""

import ast
from collections.abc import Iterator

from tests.architecture.sources import PRODUCT, Source, called, sources
from tests.system.mended import SIGNS


def markers() -> list[tuple[Source, ast.Call]]:
    """The markers of tests of mended faults, each with its file."""
    return [
        (source, call)
        for source in sources("tests")
        if "pytest.mark.mends" in source.text
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call) and called(call) == "pytest.mark.mends"
    ]


def test_a_test_of_a_mended_fault_imports_nothing_of_the_product() -> None:
    marked = {source.module: source for source, _ in markers()}
    found = {
        f"{each.name} imports {name}"
        for source in marked.values()
        for each in _reached(source)
        for name in _imports(each)
        if name.split(".")[0] in PRODUCT
    }
    assert found == set()


def test_every_marker_declares_one_of_the_signs() -> None:
    found = markers()
    assert found
    wrong = [f"{source.name}:{call.lineno}" for source, call in found if _sign(call) not in SIGNS]
    assert wrong == []


def _sign(call: ast.Call) -> object:
    match call:
        case ast.Call(args=[], keywords=[ast.keyword(arg="sign", value=ast.Constant(value=sign))]):
            return sign
        case _:
            return None


def _reached(source: Source) -> list[Source]:
    """The file and every file of tests that it imports, however far away."""
    tests = {each.module: each for each in sources("tests")}
    found, waiting = {source.module: source}, [source]
    while waiting:
        for name in _imports(waiting.pop()):
            if name in tests and name not in found:
                found[name] = tests[name]
                waiting.append(tests[name])
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
