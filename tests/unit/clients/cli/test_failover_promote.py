"""What `meridian failover promote` prints before it acts, and while it waits."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clients.cli import build
from clients.cli.failover import describe_wait
from shared.domain.errors import LogUnavailable, ServerNotAlone

ORDER = ("failover", "promote", "alpha")


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Somebody whose site is never reached."""
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))
    monkeypatch.setenv("MERIDIAN_SITE", "https://127.0.0.1:9")
    return CliRunner()


@pytest.mark.parametrize("options", [(), ("--force",), ("--reason", "it burnt")])
def test_without_force_and_a_reason_nothing_is_requested(
    nobody: CliRunner, options: tuple[str, ...]
) -> None:
    result = nobody.invoke(build("failover"), [*ORDER, *options])
    assert result.exit_code == 2
    assert "needs --force and a --reason" in result.output


def test_the_risk_is_shown_and_the_question_can_be_answered_with_no(nobody: CliRunner) -> None:
    result = nobody.invoke(
        build("failover"), [*ORDER, "--force", "--reason", "it burnt"], input="n\n"
    )
    assert result.exit_code == 1
    assert "may still have a quorum and accept changes" in result.output
    assert "promote alpha by force?" in result.output


def test_the_operator_reads_how_to_start_a_server_alone() -> None:
    sentence = describe_wait(ServerNotAlone("alpha's server is one of a cluster"), "alpha")
    assert "take the block `cluster` out" in sentence


def test_an_unavailable_part_is_named_while_waiting() -> None:
    assert describe_wait(LogUnavailable("no answer"), "alpha") == "waiting: no answer"
