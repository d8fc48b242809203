"""Every option that names a file or folder: what cannot be used is one sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.core import TyperArgument
from typer.testing import CliRunner

from clients.cli import VERBS, build
from shared.api.client import SiteClient

FILLED: Final = {"HOST:PORT": "127.0.0.1:9", "KEY": "4821739-lusab-rodim", "USERNAME": "admin"}
LONGEST_SENTENCE: Final = 1_000


@dataclass(frozen=True)
class Option:
    """A parameter that is a path; *others* are what its command cannot do without."""

    command: tuple[str, ...]
    name: str
    is_argument: bool
    others: tuple[str, ...]

    def arguments(self, path: Path) -> list[str]:
        own = [str(path)] if self.is_argument else [self.name, str(path)]
        return [*self.command, *own, *self.others]


def options() -> Iterator[Option]:
    for verb in VERBS:
        program: Any = typer.main.get_command(build(verb))
        yield from _options(program.commands[verb], (verb,))


def _options(command: Any, names: tuple[str, ...]) -> Iterator[Option]:
    verbs: dict[str, Any] = getattr(command, "commands", {})
    for name, verb in verbs.items():
        yield from _options(verb, (*names, name))
    for each in command.params:
        if "Path" in str(each.type_descriptor.annotation):
            yield Option(
                names, each.opts[0], isinstance(each, TyperArgument), _others(command, each)
            )


def _others(command: Any, wanted: Any) -> tuple[str, ...]:
    found: list[str] = []
    for each in command.params:
        if each is wanted or not each.required:
            continue
        value = FILLED.get(each.metavar or "", "x")
        found += [value] if isinstance(each, TyperArgument) else [each.opts[0], value]
    return tuple(found)


FOLDERS: Final = frozenset({"--state", "--folder"})
SHAPES: Final = ("a file", "below a file", "a circle of links", "a name without end", "a folder")


def at_once(*_: object) -> float:
    """When a call is given up: at once, since nothing answers here."""
    return 0.0


def made(shape: str, home: Path) -> Path:
    """Make what *shape* says in *home*; return its path."""
    path = home / "it"
    match shape:
        case "a file":
            path.write_text("mine")
        case "below a file":
            path.write_text("mine")
            return path / "below"
        case "a circle of links":
            path.symlink_to(path)
        case "a name without end":
            return home / ("x" * 300)
        case _:
            path.mkdir()
    return path


OPTIONS: Final = tuple(
    each
    for each in options()
    if (each.name != "--ca" or each.command in {("status",), ("share",)})
    and each.command != ("init",)  # it hands its file to the config service
)
CASES: Final = tuple(
    (each, shape)
    for each in OPTIONS
    for shape in SHAPES
    if (each.name in FOLDERS and shape != "a folder")
    or (each.name not in FOLDERS and shape != "a file")
)


@pytest.mark.parametrize(
    ("option", "shape"),
    CASES,
    ids=[f"{' '.join(each.command)} {each.name} {shape}" for each, shape in CASES],
)
def test_what_cannot_be_used_is_one_sentence(
    option: Option, shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MERIDIAN_SITE", "https://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "2000")
    monkeypatch.setattr(SiteClient, "_until", at_once)
    path = made(shape, tmp_path)

    result = CliRunner().invoke(build(option.command[0]), option.arguments(path))

    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 2}, result.output
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert len(lines) == 1, result.output
    assert not re.search(r"Errno (?!111)", lines[0]), "a number is no reason"
    assert len(lines[0]) < LONGEST_SENTENCE
    if shape == "a file":
        assert path.read_text() == "mine"


def test_every_command_with_a_file_is_among_them() -> None:
    assert len(OPTIONS) > 15
    assert {("up",), ("secrets", "new"), ("backup", "create")} <= {each.command for each in OPTIONS}
