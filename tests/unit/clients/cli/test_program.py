"""The program: every verb leads to its module, and to nothing else."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from clients.cli import VERBS, build


def commands_of(app: typer.Typer) -> dict[str, str]:
    """Each command of *app*, with the first line of its help."""
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    return {
        name: " ".join((command.help or "").split("\n\n")[0].split())
        for name, command in program.commands.items()
    }


def test_each_verb_has_a_module_and_the_same_line_of_help() -> None:
    wrong = {}
    for verb, summary in VERBS.items():
        app = typer.Typer()
        app.callback()(lambda: None)
        import_module(f"clients.cli.{verb}").register(app)
        if commands_of(app) != {verb: summary}:
            wrong[verb] = commands_of(app)
    assert wrong == {}


def test_an_unknown_verb_has_every_verb_to_choose_from() -> None:
    assert commands_of(build()) == commands_of(build("nonsense")) == VERBS
    assert CliRunner().invoke(build(), ["nonsense"]).exit_code == 2


@pytest.mark.parametrize(
    ("verb", "heavy"),
    [
        ("", {b"httpx", b"nats", b"pydantic", b"stack", b"websockets"}),
        ("session", {b"asyncpg", b"fastapi", b"httpx", b"nats", b"stack"}),
        ("webhook", {b"asyncpg", b"fastapi", b"httpx", b"nats", b"stack"}),
    ],
)
def test_a_verb_does_not_wait_for_what_others_import(verb: str, heavy: set[bytes]) -> None:
    script = f"import sys; from clients.cli import build; build({verb!r}); print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not heavy & set(process.stdout.split())
