"""What `meridian failover promote` says before it does anything, and what it waits for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clients.cli import build
from clients.cli.failover_promote import waited_for
from shared.domain.errors import LogUnavailable, ServerNotAlone

ORDER = ("failover", "promote", "alpha")


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Somebody whose site is never reached."""
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))
    monkeypatch.setenv("MERIDIAN_SITE", "https://127.0.0.1:9")
    return CliRunner()


@pytest.mark.parametrize("options", [(), ("--force",), ("--reason", "it burnt")])
def test_without_force_and_a_reason_nothing_is_asked(
    nobody: CliRunner, options: tuple[str, ...]
) -> None:
    told = nobody.invoke(build(), [*ORDER, *options])
    assert told.exit_code == 2
    assert "needs --force and a --reason" in told.output


def test_the_risk_is_told_and_the_question_can_be_answered_with_no(nobody: CliRunner) -> None:
    told = nobody.invoke(build(), [*ORDER, "--force", "--reason", "it burnt"], input="n\n")
    assert told.exit_code == 1
    assert "may still have a quorum and accept changes" in told.output
    assert "promote alpha by force?" in told.output


def test_it_is_told_how_a_server_is_started_alone() -> None:
    told = waited_for(ServerNotAlone("alpha's server is one of a cluster"), "alpha")
    assert "take the block `cluster` out" in told


def test_what_is_silent_meanwhile_is_named() -> None:
    assert waited_for(LogUnavailable("no answer"), "alpha") == "waiting: no answer"
