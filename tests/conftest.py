# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""What every test may count on, how files are shared among workers, and the run's last lines."""

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.programs import PACKAGES, missing

settings.register_profile("here", database=None, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("here"),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell that starts us in the background has us ignore ctrl-C, and every child would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup has us ignore HUP; with a handler that does nothing we still do, and no child inherits it.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)

ENOUGH: Final = 2
PEAK: Final = "peak_mib"
GROWTH: Final = "growth_mib"
LARGEST_MIB: Final = 500
"""A worker of tests stays below this; what needs more runs in a child process."""

GROWERS, WORTH_NAMING_MIB = 5, 20

ARCHITECTURE: Final = "tests/architecture"
STATUS: Final = Path("/proc/self/status")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Transcripts have one switch, as in etcd's raft: rewrite them, and read the difference."""
    parser.addoption(
        "--rewrite-transcripts",
        action="store_true",
        help="write transcripts as they are observed, instead of comparing them",
    )


class ByFile(LoadFileScheduling):
    """One file after the other for each worker, also for one that replaces a dead worker.

    The folder of architecture counts as one file: its tests share the syntax trees of all files.

    A worker begins a test when it knows the next one; the scheduler gives a new worker one file and
    waits, for ever when that file holds one test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return ARCHITECTURE if file.startswith(ARCHITECTURE) else file

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < ENOUGH:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


@dataclass
class Memory:
    """The largest resident size of each process that ran tests, and which files made it grow."""

    peaks: dict[str, int] = field(default_factory=dict[str, int])
    growth: dict[str, int] = field(default_factory=dict[str, int])


MEMORY: Final = pytest.StashKey[Memory]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEMORY] = Memory()


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of the garbage collector's sight.

    It looks at everything again only when a quarter has been added, which would be hundreds of
    megabytes of garbage.
    """
    gc.collect()
    gc.freeze()


def peak_mib() -> int:
    """The largest resident size that this process has had; 0 where the kernel does not say."""
    if not STATUS.exists():
        return 0
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) >> 10


def return_free_memory() -> None:
    """Give pages that hold nothing back to the kernel, so that the next file begins low."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, bool | None, bool | None]:
    """Note by how much a file's tests raise the peak of the process that runs them."""
    growth, file = item.config.stash[MEMORY].growth, item.location[0]
    before = peak_mib()
    result = yield
    is_last = nextitem is None or nextitem.location[0] != file
    if is_last or peak_mib() > before:
        gc.collect()
        return_free_memory()
    if is_last:
        gc.freeze()
    growth[file] = growth.get(file, 0) + peak_mib() - before
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what this process used to whoever prints the last lines."""
    memory = session.config.stash[MEMORY]
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        memory.peaks.setdefault("this process", peak_mib())
    else:
        output.update({PEAK: peak_mib(), GROWTH: memory.growth})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController, error: object) -> None:
    """Keep what a worker used, and say how one died; less than 0 is the signal that killed it."""
    memory, output = node.config.stash[MEMORY], getattr(node, "workeroutput", {})
    if PEAK in output:
        memory.peaks[node.gateway.id] = output[PEAK]
        memory.growth |= output[GROWTH]
    if error:
        code = vars(node.gateway)["_io"].popen.wait(10)
        sys.stderr.write(f"{node.gateway.id} ended with {code}\n")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print each process's largest resident size, and what this machine lacks."""
    memory = config.stash[MEMORY]
    terminalreporter.section("memory")
    for process, mib in sorted(memory.peaks.items()):
        note = f"  more than {LARGEST_MIB} MiB" if mib > LARGEST_MIB else ""
        terminalreporter.line(f"{mib:5} MiB at most in {process}{note}")
    for file, mib in sorted(memory.growth.items(), key=lambda each: -each[1])[:GROWERS]:
        if mib >= WORTH_NAMING_MIB:
            terminalreporter.line(f"{mib:+5} MiB by {file}")
    lacking = missing()
    if lacking:
        packages = " ".join(PACKAGES[each] for each in lacking if each in PACKAGES)
        terminalreporter.section("skipped for want of")
        terminalreporter.line(f"{', '.join(lacking)}; packages of Debian: {packages}")
