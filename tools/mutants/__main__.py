"""Runs the tests of every mutant: `make mutants`, or `ONLY=word` for those whose name has it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import Mutant
from tools.mutants.plugin import CHOSEN

ROOT: Final = Path(__file__).parents[2]
FAILED: Final = 1
"""What pytest ends with when tests failed; anything else but 0 is no answer."""

PYTEST: Final = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "tools.mutants.plugin")


def is_noticed(mutant: Mutant) -> bool:
    """Whether a test fails with *mutant* in place.

    Raises:
        RuntimeError: the tests could not be run.
    """
    done = subprocess.run(
        [sys.executable, *PYTEST, *mutant.tests],
        cwd=ROOT,
        env={**os.environ, CHOSEN: mutant.name},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, FAILED}:
        raise RuntimeError(f"{mutant.name}: {done.stdout}{done.stderr}")
    return done.returncode == FAILED


def survivors(chosen: Sequence[Mutant]) -> list[Mutant]:
    """Those of *chosen* that nobody noticed; as many at a time as there are processors."""
    found: list[Mutant] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, noticed in zip(chosen, pool.map(is_noticed, chosen), strict=True):
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant.name}", flush=True)
            found += [] if noticed else [mutant]
    return found


def main(word: str = "") -> int:
    """Try them all; how many nobody noticed."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    unnoticed = survivors(chosen)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed")
    return len(unnoticed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
