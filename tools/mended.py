"""Runs every test that is marked as mending a fault against the commit that had the fault.

`make shown-faults`: the commit is checked out beside this tree with a `.venv` of its own, and sites
are started by its code; the tests are those of this tree. A test shows its fault when it fails
there by `FaultShown` with the sign that its marker declares. Whatever else happens shows nothing:
a pass, a missing import, a fixture's error, a time-out, another sign.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
FAULTY: Final = "b1fc32a"
TREE_VARIABLE: Final = "MERIDIAN_TREE"
MARKER: Final = "mends"


@dataclass(frozen=True, slots=True)
class Case:
    """How one test ended: the sign that it declares, and what it failed by, if it did.

    *sign* is what the failure said of itself; empty for one of another kind.
    """

    name: str
    declared: str
    phase: str = ""
    error: str = ""
    sign: str = ""

    @property
    def verdict(self) -> str | None:
        """Why the fault is not shown; None when it is."""
        if not self.error:
            return "it passed"
        if self.phase != "call":
            return f"its {self.phase} failed with {self.error}"
        if not self.sign:
            return f"it failed with {self.error}"
        if self.sign != self.declared:
            return f"it failed by {self.sign!r}, and declares {self.declared!r}"
        return None

    @property
    def line(self) -> str:
        why = self.verdict
        return f"{'shown    ' if why is None else 'NOT SHOWN'}  {self.name}: {why or self.sign}"


@dataclass(eq=False)
class Recorder:
    """The plugin of pytest that notes how each marked test ended, the first failure of each."""

    cases: dict[str, Case] = field(default_factory=dict[str, Case])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        marker = item.get_closest_marker(MARKER)
        if marker is not None:
            self._note(item.nodeid, str(marker.kwargs.get("sign", "")), report, call)
        return report

    def _note(
        self, name: str, declared: str, report: pytest.TestReport, call: pytest.CallInfo[None]
    ) -> None:
        known = self.cases.setdefault(name, Case(name, declared))
        if not report.failed or known.error:
            return
        raised = call.excinfo
        error = "nothing" if raised is None else f"{raised.typename}: {raised.value}"
        sign = "" if raised is None else str(getattr(raised.value, "sign", ""))
        first = (error.splitlines() or [""])[0][:200]
        self.cases[name] = Case(name, declared, str(report.when), first, sign)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            why = str(report.longrepr).splitlines()[-1][:200]
            self.cases[report.nodeid] = Case(report.nodeid, "", "collection", why)


@contextmanager
def checked_out(commit: str) -> Generator[Path]:
    """A tree of *commit* with a `.venv`, removed in the end.

    Raises:
        subprocess.CalledProcessError: there is no such commit, or its set-up fails.
    """
    with tempfile.TemporaryDirectory(prefix="meridian-tree-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own and passes through
        tree = folder / "tree"
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), commit], check=True)
        try:
            setup = ["make", "--no-print-directory", "setup", f"PYTHON={_base_interpreter()}"]
            subprocess.run(setup, cwd=tree, check=True)
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def run(tree: Path, arguments: Sequence[str]) -> list[Case]:
    """How each marked test ended on sites of *tree*."""
    os.environ[TREE_VARIABLE] = str(tree)
    recorder = Recorder()
    options = ("-q", "--no-header", "--no-summary", "--tb=no", "-p", "no:cacheprovider")
    pytest.main([*options, "-m", MARKER, f"--rootdir={ROOT}", *arguments], plugins=[recorder])
    return [recorder.cases[name] for name in sorted(recorder.cases)]


def main(arguments: Sequence[str]) -> int:
    """Run them all; 0 when every fault was shown."""
    print(f"checking out {FAULTY} ...", flush=True)
    with checked_out(FAULTY) as tree:
        cases = run(tree, arguments)
    shown = sum(case.verdict is None for case in cases)
    for case in cases:
        print(case.line)
    print(f"{shown} of {len(cases)} faults of {FAULTY} were shown")
    return 0 if cases and shown == len(cases) else 1


def _base_interpreter() -> str:
    """The interpreter that our own `.venv` was made with."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
