"""What counts as a fault that was shown, tried on tests that fail in every way."""

from pathlib import Path

import pytest

from tools.mended import Recorder

TESTS = """
import asyncio

import pytest

from tests.system.mended import FaultShown, require


@pytest.fixture
def broken():
    raise FaultShown("process ended", "in a fixture")


@pytest.mark.mends(sign="process ended")
def test_shown():
    require(False, "process ended", "as declared")


@pytest.mark.mends(sign="process ended")
def test_another_sign():
    raise FaultShown("stream gone", "not as declared")


@pytest.mark.mends(sign="process ended")
def test_passed():
    require(True, "process ended", "nothing is wrong")


@pytest.mark.mends(sign="process ended")
def test_import():
    import no_such_module


@pytest.mark.mends(sign="process ended")
def test_plain_assertion():
    assert False


@pytest.mark.mends(sign="process ended")
def test_fixture(broken):
    pass


@pytest.mark.mends(sign="process ended")
@pytest.mark.timeout(0.1)
def test_time_out():
    asyncio.run(asyncio.Event().wait())


def test_unmarked():
    raise FaultShown("process ended", "it is not marked")
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """Why each test of `TESTS` shows nothing, by its name."""
    recorder = Recorder()
    file = tmp_path_factory.mktemp("mended") / "test_ends.py"
    file.write_text(TESTS)
    settings = Path(__file__).parents[3] / "pyproject.toml"
    options = ("-q", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider")
    pytest.main([*options, "-p", "no:xdist", "-c", str(settings), str(file)], plugins=[recorder])
    return {name.rpartition("::")[2]: case.verdict for name, case in recorder.cases.items()}


def test_only_the_declared_sign_shows_a_fault(verdicts: dict[str, str | None]) -> None:
    assert [name for name, why in verdicts.items() if why is None] == ["test_shown"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("test_another_sign", "it failed by 'stream gone', and declares 'process ended'"),
        ("test_passed", "it passed"),
        ("test_import", "it failed with ModuleNotFoundError: No module named 'no_such_module'"),
        ("test_plain_assertion", "it failed with AssertionError: assert False"),
        ("test_fixture", "its setup failed with FaultShown: process ended: in a fixture"),
    ],
)
def test_it_is_reported_why_nothing_was_shown(
    verdicts: dict[str, str | None], name: str, why: str
) -> None:
    assert verdicts[name] == why


def test_a_time_out_shows_nothing(verdicts: dict[str, str | None]) -> None:
    assert "Timeout" in str(verdicts["test_time_out"])


def test_tests_that_are_not_marked_are_left_out(verdicts: dict[str, str | None]) -> None:
    assert "test_unmarked" not in verdicts
