"""A mutant that does not apply fails the run, and a broken guard is really broken."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants.__main__ import main
from tools.mutants.catalogue import MUTANTS, TIMING
from tools.mutants.mutant import DoesNotApplyError, Mutant, require_applicable
from tools.mutants.plugin import Finder

CLASS = "class Timing(LeaseTiming):"
ROOT = Path(__file__).parents[3]


def of_timing(old: str, new: str = "", tests: tuple[str, ...] = ()) -> Mutant:
    return Mutant("a guard", TIMING, old, new, tests)


@pytest.mark.parametrize(
    ("mutant", "reason"),
    [
        (of_timing("what nobody wrote"), "its text occurs 0 times"),
        (of_timing("\n"), r"its text occurs \d\d+ times"),
        (Mutant("a guard", "services.nowhere", "a", "b"), "no module services.nowhere"),
        (
            of_timing("class Timing(LeaseTiming):", "class Timing(LeaseTiming):"),
            "it changes nothing",
        ),
        (of_timing(CLASS, "class"), "not Python"),
        (
            of_timing(
                "class Timing(LeaseTiming):", "class Times(LeaseTiming):", ("tests/nowhere",)
            ),
            "no tests/nowhere",
        ),
    ],
)
def test_a_mutant_that_does_not_apply_is_refused_with_the_reason(
    mutant: Mutant, reason: str
) -> None:
    with pytest.raises(DoesNotApplyError, match=reason):
        require_applicable(mutant)


def test_a_mutant_that_does_not_apply_fails_the_run_before_any_test_is_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tested: list[str] = []

    def run(mutant: Mutant) -> bool:
        tested.append(mutant.name)
        return True

    assert main("", (MUTANTS[0], of_timing("what nobody wrote")), run) == 1
    assert tested == []
    assert capsys.readouterr().out == (
        f"DOES NOT APPLY  a guard: its text occurs 0 times in {TIMING}\n"
        "1 of 2 mutants do not apply; no test was run\n"
    )


def test_a_mutant_that_no_test_notices_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = MUTANTS[:2]
    assert main("", (first, second), lambda mutant: mutant is first) == 1
    assert capsys.readouterr().out == (
        f"noticed   {first.name}\nSURVIVED  {second.name}\n1 of 2 noticed\n"
    )


def test_a_run_in_which_every_mutant_is_noticed_succeeds() -> None:
    assert main("", MUTANTS[:2], lambda _: True) == 0


def test_a_word_that_no_mutant_has_fails_the_run() -> None:
    assert main("what no mutant is called", MUTANTS, lambda _: True) == 1


def test_the_finder_loads_the_broken_module_and_leaves_the_others_alone() -> None:
    chosen = next(each for each in MUTANTS if each.name == "an observer waits without margin")
    finder = Finder(chosen)
    assert finder.find_spec("services.failover_monitor.core.lease", None) is None
    folder = str(ROOT / "services/failover_monitor/core")
    spec = finder.find_spec(TIMING, [folder])
    assert spec is not None
    assert spec.loader is not None
    loader = spec.loader
    code = loader.get_code(TIMING)  # type: ignore[attr-defined]
    sound = importlib.util.find_spec(TIMING)
    assert sound is not None
    assert sound.loader is not None
    assert code.co_consts != sound.loader.get_code(TIMING).co_consts  # type: ignore[attr-defined]


def test_a_broken_guard_fails_the_tests_that_watch_it() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.mutants.plugin"]
    done = subprocess.run(
        [*command, "tests/unit/failover_monitor/test_lease.py"],
        cwd=ROOT,
        env={**os.environ, "MUTANT": "a holder acts without margin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
