"""The project's own Python files, parsed when a test asks, and what can be counted in them.

No module of tests parses at import: every worker imports them all, and trees are large.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("services", "shared", "clients", "stack")
TOOLING = ("bench", "tools")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: where it lies, its text and, once it is asked for, its syntax tree."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def module(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @cached_property
    def definitions(self) -> tuple[Function | ast.ClassDef, ...]:
        """Every function and class, found once: many tests ask."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return tuple(node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def functions(self) -> Iterator[Function]:
        return (each for each in self.definitions if not isinstance(each, ast.ClassDef))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (each for each in self.definitions if isinstance(each, ast.ClassDef))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """List every Python file below *folders* of the project; absent folders have none."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(_read(path) for path in paths)


def forget() -> None:
    """Free what was parsed."""
    sources.cache_clear()
    _read.cache_clear()


@cache
def _read(path: Path) -> Source:
    return Source(path, path.read_text(encoding="utf-8"))


def length(node: Function | ast.ClassDef) -> int:
    """Count the lines of a definition, its docstring and decorators apart."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    assert docstring.end_lineno is not None
    return lines - (docstring.end_lineno - docstring.lineno + 1)


def arguments(function: Function) -> list[str]:
    """Name the arguments of a function, `self` and `cls` apart."""
    spec = function.args
    plain = [*spec.posonlyargs, *spec.args]
    if plain and plain[0].arg in ("self", "cls"):
        plain = plain[1:]
    return [argument.arg for argument in [*plain, *spec.kwonlyargs]]


def public_methods(cls: ast.ClassDef) -> list[str]:
    """Name the methods of a class that others may call; overloads of one name count once."""
    methods = {node.name for node in cls.body if isinstance(node, Function)}
    return sorted(name for name in methods if not name.startswith("_"))


def dotted(node: ast.expr) -> str:
    """Write `a.b.c` for the expression that says so, and nothing for any other."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{dotted(value)}.{attribute}"
        case _:
            return ""


def called(call: ast.Call) -> str:
    """Name what a call calls, as far as it has a name."""
    return dotted(call.func)
