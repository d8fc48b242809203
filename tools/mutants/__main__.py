"""Runs the tests of every mutant: `make mutants`, or `ONLY=word` for those whose name has it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import Mutant
from tools.mutants.plugin import CHOSEN

ROOT: Final = Path(__file__).parents[2]
FAILED: Final = 1
"""What pytest ends with when tests failed; anything else but 0 is no answer."""


def is_noticed(mutant: Mutant) -> bool:
    """Whether a test fails with *mutant* in place.

    Raises:
        RuntimeError: the tests could not be run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "tools.mutants.plugin"]
    done = subprocess.run(
        [*command, *mutant.tests],
        cwd=ROOT,
        env={**os.environ, CHOSEN: mutant.name},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, FAILED}:
        raise RuntimeError(f"{mutant.name}: {done.stdout}{done.stderr}")
    return done.returncode == FAILED


def main(word: str = "") -> int:
    """Try them all; how many nobody noticed."""
    survivors: list[Mutant] = []
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    for mutant in chosen:
        noticed = is_noticed(mutant)
        print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant.name}", flush=True)
        survivors += [] if noticed else [mutant]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
