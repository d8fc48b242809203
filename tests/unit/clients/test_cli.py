"""The program: every word leads to its area, and to nothing else."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from clients.cli import AREAS, build


def words_of(app: typer.Typer) -> set[str]:
    program = get_command(app)
    assert isinstance(program, TyperGroup)
    return set(program.commands)


@pytest.mark.parametrize("area", AREAS)
def test_an_area_adds_the_words_that_stand_beside_it(area: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    import_module(f"clients.commands.{area}").register(app)
    assert words_of(app) == set(AREAS[area])


def test_a_word_of_nobody_has_every_command_to_choose_from() -> None:
    every = {word for words in AREAS.values() for word in words}
    assert words_of(build()) == words_of(build("nonsense")) == every
    assert CliRunner().invoke(build(), ["nonsense"]).exit_code == 2


def test_a_command_does_not_wait_for_what_others_import() -> None:
    script = "import sys; from clients.cli import build; build('session'); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not {b"asyncpg", b"fastapi", b"httpx", b"nats", b"stack"} & set(told.stdout.split())
