"""Counts what a target's inputs reach: `python -m tools.fuzz.branches NAME FOLDER` prints JSON.

The inputs that fuzzing kept are fed once more, under coverage. A branch is a way from one line to
another where there are several, and counted are those in the functions that a target covers and in
what these call, directly or not, within the same modules: a reader's branches, not the writer's
beside it.
"""

import ast
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage

if TYPE_CHECKING:
    from tools.fuzz.target import Target


@dataclass
class Reached:
    """Branches reached of all, those that were not, and how often each outcome came."""

    reached: int = 0
    branches: int = 0
    missing: list[str] = field(default_factory=list[str])
    outcomes: dict[str, int] = field(default_factory=dict[str, int])


def functions_of(covers: tuple[str, ...]) -> dict[str, set[str]]:
    """The functions to count in, for each module: *covers*, and what they call in their modules."""
    modules = {each.partition(":")[0] for each in covers}
    bodies = {(module, name): node for module in modules for name, node in functions_in(module)}
    wanted = [(module, name) for module, _, name in (each.partition(":") for each in covers)]
    found = set[tuple[str, str]]()
    while wanted:
        place = wanted.pop()
        if place in found:
            continue
        found.add(place)
        owner = place[1].rpartition(".")[0]
        called = set(_called(bodies[place], owner))
        wanted += [each for each in bodies if each[1] in called or f"*{_last(each[1])}" in called]
    return {module: {name for there, name in found if there == module} for module in modules}


def functions_in(module: str) -> list[tuple[str, ast.AST]]:
    """The functions of *module* with their qualified names; those inside others belong to them."""
    found: list[tuple[str, ast.AST]] = []

    def visit(node: ast.AST, place: str) -> None:
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef):
                visit(each, f"{place}{each.name}.")
            elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append((f"{place}{each.name}", each))

    visit(ast.parse(_file(module).read_text()), "")
    return found


def _called(node: ast.AST, owner: str) -> Iterator[str]:
    """What is called in *node*: a function, a method of *owner*, or `*name` of whatever class."""
    for each in ast.walk(node):
        match each:
            case ast.Call(func=ast.Name(id=name)):
                yield name
                yield f"{name}.__init__"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                yield f"{owner}.{name}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=kind), attr=name)) if kind[
                0
            ].isupper():
                yield f"{kind}.{name}"
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                if not isinstance(value, ast.Constant):
                    yield f"*{name}"
            case _:
                continue


def _last(name: str) -> str:
    """The name of a method; a function of a module is never called by an attribute there."""
    return name.rpartition(".")[2] if "." in name else ""


def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None, f"there is no module {module}"
    assert spec.origin is not None, f"{module} has no file"
    return Path(spec.origin)


def count(name: str, folder: Path) -> Reached:
    """Feed the target's corpus and what lies in *folder*, and count."""
    measure = coverage.Coverage(
        data_file=None,
        branch=True,
        config_file=False,
        include=[f"{each}/*" for each in ("clients", "services", "shared", "stack")],
    )
    measure.start()
    target: Target = import_module("tools.fuzz.targets").find(name)
    judge: Any = import_module("tools.fuzz.judge").judge
    kept = (path.read_bytes() for path in sorted(folder.iterdir()))
    outcomes = Counter(
        verdict.reason or verdict.kind or "value"
        for data in (*target.corpus(), *kept)
        for verdict in [judge(target, data)]
    )
    measure.stop()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        files = {str(_file(module)): names for module, names in functions_of(target.covers).items()}
        measure.json_report(morfs=list(files), outfile=report.name)
        report_data = json.loads(Path(report.name).read_text())
    found = Reached(outcomes=dict(outcomes))
    for path, each in report_data["files"].items():
        _add(found, path, each["functions"], files[str(Path(path).resolve())] - set(target.beside))
    return found


def _add(found: Reached, path: str, functions: dict[str, Any], names: set[str]) -> None:
    for name, each in functions.items():
        if not any(f"{name}.".startswith(f"{own}.") for own in names):
            continue
        found.reached += each["summary"]["covered_branches"]
        found.branches += each["summary"]["num_branches"]
        found.missing += [f"{path}:{line}->{to} {name}" for line, to in each["missing_branches"]]


def main() -> None:
    """Count for the target that the arguments name."""
    logging.disable(logging.CRITICAL)
    print(json.dumps(asdict(count(sys.argv[1], Path(sys.argv[2])))))


if __name__ == "__main__":
    main()
