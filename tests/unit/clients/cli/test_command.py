"""The kinds of commands: common options, the choice of JSON, and how errors end."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from clients.cli.command import (
    Command,
    SiteCommand,
    SiteCommandClass,
    SiteContext,
    SiteGroup,
    TextCommand,
)
from shared.domain.errors import BadSettings, Unavailable

RUNNER = CliRunner()


def program(*commands: tuple[str, type[Any], Any]) -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    for name, kind, function in commands:
        app.command(name, cls=kind)(function)
    return app


def show(context: SiteContext, name: str = "") -> None:
    """Show the call."""
    answer = [context.site, None if context.ca is None else str(context.ca), name]
    context.report(answer, lambda answer: typer.echo(f"for people: {answer[2]}"))


def test_a_site_command_gets_the_common_options_in_its_call() -> None:
    options = ["--site", "https://a", "--ca", "/ca.pem", "--name", "x", "--json"]
    result = RUNNER.invoke(program(("show", SiteCommand, show)), ["show", *options])
    assert json.loads(result.stdout) == ["https://a", "/ca.pem", "x"]


def test_without_json_an_answer_is_shown_to_people() -> None:
    result = RUNNER.invoke(program(("show", SiteCommand, show)), ["show", "--name", "x"])
    assert result.stdout == "for people: x\n"


def test_a_text_command_has_no_json() -> None:
    app = program(("show", TextCommand, show))
    assert RUNNER.invoke(app, ["show", "--json"]).exit_code == 2
    assert RUNNER.invoke(app, ["show", "--site", "https://a"]).exit_code == 0


def test_the_help_names_the_common_options_after_the_commands_own() -> None:
    text = RUNNER.invoke(program(("show", SiteCommand, show)), ["show", "--help"]).output
    places = [text.index(option) for option in ("--name", "--site", "--ca", "--json", "--help")]
    assert places == sorted(places)
    assert "Show the call." in text


def test_a_group_runs_its_own_command_unless_a_verb_is_named() -> None:
    app, group = program(), typer.Typer(cls=SiteGroup, invoke_without_command=True)
    group.callback()(show)
    group.command("again", cls=SiteCommand)(show)
    app.add_typer(group, name="group")
    assert RUNNER.invoke(app, ["group", "--name", "x"]).stdout == "for people: x\n"
    result = RUNNER.invoke(app, ["group", "again", "--json", "--name", "y"])
    assert result.stdout.splitlines()[-1] == '[null, null, "y"]'


@dataclass(frozen=True)
class Count:
    """Count something."""

    pin: Annotated[str | None, typer.Option("--pin")] = None
    latency: Annotated[list[str] | None, typer.Option("--latency")] = None
    count: Annotated[int, typer.Option("--count", min=1)] = 3

    def run(self, context: SiteContext) -> None:
        context.report([self.pin, self.latency, self.count], print)


def test_a_command_class_gets_its_options_as_fields() -> None:
    app = program(("count", SiteCommandClass, Count))
    options = ["--latency", "a=1", "--latency", "b=2", "--pin", "a", "--json"]
    assert json.loads(RUNNER.invoke(app, ["count", *options]).stdout) == ["a", ["a=1", "b=2"], 3]
    assert "Count something." in RUNNER.invoke(app, ["count", "--help"]).output
    assert RUNNER.invoke(app, ["count", "--count", "0"]).exit_code == 2


@pytest.mark.parametrize("kind", [Command, SiteCommandClass])
@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (BadSettings("say where"), 2, "meridian: say where\n"),
        (Unavailable("no gateway answers"), 1, "meridian: no gateway answers\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    kind: type[Any], error: BaseException, code: int, sentence: str
) -> None:
    class Failing:
        def run(self, context: SiteContext) -> None:
            raise error

    def fail() -> None:
        raise error

    function: Any = fail if kind is Command else Failing
    result = RUNNER.invoke(program(("fail", kind, function)), ["fail"])
    assert (result.exit_code, result.stderr) == (code, sentence)


def test_a_call_loads_the_profile_of_the_site_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))
    names = list[str]()

    def list_gateways(context: SiteContext) -> None:
        names.extend(context.profile().gateways)

    app = program(("list", SiteCommand, list_gateways))
    assert RUNNER.invoke(app, ["list", "--site", "https://a, https://b/"]).exit_code == 0
    assert names == ["https://a", "https://b"]
