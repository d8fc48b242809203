# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
"""What every test may count on, and how files of tests are shared among workers."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

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

ENOUGH = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Transcripts have one switch, as in etcd's raft: rewrite them, and read the difference."""
    parser.addoption(
        "--rewrite-transcripts",
        action="store_true",
        help="write transcripts as they are observed, instead of comparing them",
    )


class ByFile(LoadFileScheduling):
    """One file after the other for each worker, also for one that replaces a dead worker.

    A worker begins a test when it knows the next one; the scheduler gives a new worker one file and
    waits, for ever when that file holds one test.
    """

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < ENOUGH:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController, error: object) -> None:
    """Tell how a worker died; less than 0 is the signal that killed it."""
    if error:
        code = vars(node.gateway)["_io"].popen.wait(10)
        sys.stderr.write(f"{node.gateway.id} ended with {code}\n")
