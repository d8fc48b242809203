"""The catalogue of broken guards fits the sources, and a broken guard is really broken."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants.catalogue import MUTANTS, TIMING
from tools.mutants.mutant import Mutant
from tools.mutants.plugin import Finder, patched

ROOT = Path(__file__).parents[3]


def source_of(module: str) -> str:
    return (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_breaks_one_place_that_is_there_and_can_be_compiled(mutant: Mutant) -> None:
    source = source_of(mutant.module)
    broken = patched(mutant, source)
    assert broken != source
    compile(broken, mutant.module, "exec")


def test_no_two_mutants_have_one_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_tests_of_a_mutant_are_there() -> None:
    lost = [tests for mutant in MUTANTS for tests in mutant.tests if not (ROOT / tests).exists()]
    assert lost == []


def test_a_patch_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="fits 0 places"):
        patched(Mutant("gone", TIMING, "what nobody wrote", ""), source_of(TIMING))


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
