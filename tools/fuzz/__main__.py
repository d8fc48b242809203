"""`make fuzz SECONDS=60`: every target in turn, each for so long, or until it ran a million times.

`ONLY=relay` chooses targets whose name begins so; `ENGINE=hypothesis` does without atheris.
`python -m tools.fuzz NAME FILE` feeds one file, which repeats a finding.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.fuzz.branches import Reached
from tools.fuzz.judge import judge
from tools.fuzz.target import Target
from tools.fuzz.targets import TARGETS, find
from tools.fuzz.worker import EXECUTED, has_atheris

RUNS: Final = 1_000_000
ENOUGH: Final = 0.95
FINDINGS: Final = Path(".fuzz")
"""Where the inputs of findings are kept."""

EXECUTED_UNITS: Final = "stat::number_of_executed_units:"
SHOWN_BRANCHES: Final = 5


@dataclass(frozen=True)
class Result:
    """How the fuzzing of one target went."""

    target: Target
    executions: int
    seconds: float
    reached: Reached
    findings: list[str]
    broke_off: str = ""

    @property
    def share(self) -> float:
        return self.reached.reached / self.reached.branches if self.reached.branches else 1.0

    @property
    def complaints(self) -> list[str]:
        """What is not as it should be."""
        reasons = self.reached.outcomes.keys() - {"value"}
        problems = [f"finding: {each}" for each in self.findings]
        if self.share < ENOUGH:
            problems += [f"not reached: {each}" for each in self.reached.missing]
        problems += [f"refusal never reached: {each}" for each in self.target.reasons - reasons]
        return problems + ([f"the process broke off: {self.broke_off}"] if self.broke_off else [])

    def __str__(self) -> str:
        reasons = len(self.reached.outcomes.keys() - {"value"})
        slow = "" if self.executions >= RUNS or not self.target.slow else f"  {self.target.slow}"
        return (
            f"{self.target.name:24} {self.executions:>9,} executions {self.seconds:>5.0f} s  "
            f"branches {self.reached.reached}/{self.reached.branches} ({self.share:.0%})  "
            f"refusals {reasons}{slow}"
        )


def fuzz(target: Target, engine: str, seconds: int) -> Result:
    """Fuzz *target* in a process of its own, then count what was reached, in another."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        folder = Path(place)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate(target.corpus()):
            (corpus / f"seed-{number}").write_bytes(data)
        began = time.perf_counter()
        done = _run("worker", target.name, place, str(seconds), str(RUNS), engine)
        elapsed = time.perf_counter() - began
        counted = _run("branches", target.name, str(corpus))
        if counted.returncode:
            raise SystemExit(counted.stderr)
        return Result(
            target,
            _executions(done.stderr),
            elapsed,
            Reached(**json.loads(counted.stdout)),
            _kept(target, folder, done.stderr),
            done.stderr[-2_000:] if done.returncode else "",
        )


def _run(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"tools.fuzz.{module}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def _executions(output: str) -> int:
    for line in reversed(output.splitlines()):
        for begins in (EXECUTED_UNITS, EXECUTED):
            if line.startswith(begins):
                return int(line.removeprefix(begins))
    return 0


def _kept(target: Target, folder: Path, output: str) -> list[str]:
    """The findings, each with the command that repeats it; also what ended the process itself."""
    causes = [line for line in output.splitlines() if line.startswith("finding: ")]
    files = [*(folder / "findings").glob("*"), *folder.glob("crash-*"), *folder.glob("timeout-*")]
    files += folder.glob("oom-*")
    for each in files:
        FINDINGS.mkdir(exist_ok=True)
        kept = FINDINGS / f"{target.name}-{each.name}"
        kept.write_bytes(each.read_bytes())
        causes.append(f"repeat: {sys.executable} -m tools.fuzz {target.name} {kept}")
    return causes


def repeat(target: Target, file: Path) -> int:
    """Feed *file*, and say what came of it."""
    data = file.read_bytes()
    verdict = judge(target, data)
    print(verdict)
    if verdict.finding:
        try:
            target.decode(data)
        except BaseException:  # noqa: BLE001 - shown whatever it is
            traceback.print_exc()
    return 1 if verdict.finding else 0


def main() -> int:
    """Fuzz, or repeat one input."""
    if len(sys.argv) > 1:
        name, file = sys.argv[1:]
        return repeat(find(name), Path(file))
    engine = os.environ.get("ENGINE") or ("atheris" if has_atheris() else "hypothesis")
    seconds = int(os.environ.get("SECONDS") or 60)
    chosen = [each for each in TARGETS if each.name.startswith(os.environ.get("ONLY", ""))]
    print(
        f"{len(chosen)} targets by {engine}, {seconds} s each, or {RUNS:,} executions", flush=True
    )
    results: list[Result] = []
    for target in chosen:
        result = fuzz(target, engine, seconds)
        results.append(result)
        print(result, flush=True)
        for each in result.complaints:
            print(f"  {each}", flush=True)
    bad = [each.target.name for each in results if each.complaints]
    total = sum(each.executions for each in results)
    print(f"{total:,} executions; " + (f"look at {', '.join(bad)}" if bad else "no findings"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
