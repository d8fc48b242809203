"""Runs the tests of every mutant: `make mutants`, or `ONLY=word` for those whose name has it.

The run fails when no test notices a mutant. It fails before any test is run when a mutant does not
apply: its module would fail to be imported, and that looks like a test that noticed.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import ROOT, Mutant, not_applicable
from tools.mutants.plugin import CHOSEN

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


def survivors(chosen: Sequence[Mutant], run: Callable[[Mutant], bool]) -> list[Mutant]:
    """Those of *chosen* that nobody noticed; as many at a time as there are processors."""
    found: list[Mutant] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, noticed in zip(chosen, pool.map(run, chosen), strict=True):
            print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant.name}", flush=True)
            found += [] if noticed else [mutant]
    return found


def main(
    word: str = "",
    mutants: tuple[Mutant, ...] = MUTANTS,
    run: Callable[[Mutant], bool] = is_noticed,
) -> int:
    """Run the mutants whose name has *word*; return the exit code, 0 when all were noticed."""
    chosen = tuple(mutant for mutant in mutants if word in mutant.name)
    reasons = not_applicable(chosen)
    for name, reason in reasons.items():
        print(f"DOES NOT APPLY  {name}: {reason}")
    if reasons or not chosen:
        print(f"{len(reasons)} of {len(chosen)} mutants do not apply; no test was run")
        return 1
    unnoticed = survivors(chosen, run)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main("".join(sys.argv[1:2])))
