"""The marks in a node's folder, written and read by processes that live and that do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.domain.ids import UnixMillis
from shared.domain.runs import Run
from shared.domain.service import ServiceRestarts
from shared.runtime.marks import FOLDER, Mark, read_restarts

NOW = UnixMillis(1_777_888_800_000)
ROOT = Path(__file__).parents[3]

DIES = """
import os, sys
from pathlib import Path
from shared.domain.runs import Run
from shared.runtime.marks import Mark
Mark.begin(Path(sys.argv[1]), Run("relay", os.getpid(), "boot", "0.1.0", int(sys.argv[2])))
os.kill(os.getpid(), 9)
"""


def begin(state: Path, service: str = "relay", started: int = NOW) -> Mark:
    return Mark.begin(state, Run(service, os.getpid(), "boot", "0.1.0", started))


def die(state: Path, started: int = NOW) -> int:
    """A service starts, and is killed; its pid."""
    with subprocess.Popen([sys.executable, "-c", DIES, state, str(started)], cwd=ROOT) as process:
        assert process.wait() == -9
        return process.pid


def test_a_first_start_finds_nothing_and_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    mark = begin(tmp_path)
    assert mark.unclean is None
    assert read_restarts(tmp_path, NOW) == (), "it runs, and never ended uncleanly"
    mark.end()
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert begin(tmp_path).unclean is None


def test_the_next_start_finds_which_run_did_not_end_cleanly(tmp_path: Path) -> None:
    pid = die(tmp_path, NOW - 5_000)
    assert read_restarts(tmp_path, NOW) == (ServiceRestarts(service="relay", is_away=True),)
    mark = begin(tmp_path)
    assert mark.unclean is not None
    assert (mark.unclean.pid, mark.unclean.started_unix_ms) == (pid, NOW - 5_000)
    assert (mark.unclean.boot_id, mark.unclean.version) == ("boot", "0.1.0")
    assert mark.run.restarts == 1
    assert read_restarts(tmp_path, NOW) == (ServiceRestarts(service="relay", restarts=1),)
    mark.end()
    assert read_restarts(tmp_path, NOW) == ()


def test_a_crash_loop_is_reported_while_it_lasts_and_after_it_was_given_up(tmp_path: Path) -> None:
    for second in range(3):
        die(tmp_path, NOW + second * 1_000)
    lost = ServiceRestarts(service="relay", restarts=2, crash_loop=True, is_away=True)
    assert read_restarts(tmp_path, UnixMillis(NOW + 900_000)) == (lost,)
    mark = begin(tmp_path, started=NOW + 900_000)
    back = ServiceRestarts(service="relay", restarts=3, crash_loop=True)
    assert read_restarts(tmp_path, UnixMillis(NOW + 901_000)) == (back,)
    steady = ServiceRestarts(service="relay", restarts=3)
    assert read_restarts(tmp_path, UnixMillis(NOW + 961_000)) == (steady,)
    mark.end()


def test_each_service_of_a_node_has_a_mark_of_its_own(tmp_path: Path) -> None:
    die(tmp_path)
    other = begin(tmp_path, "replication")
    assert other.unclean is None
    assert [each.service for each in read_restarts(tmp_path, NOW)] == ["relay"]
    other.end()


@pytest.mark.parametrize("junk", [b"", b"\xff\xfe", b"[" * 50_000, b"{}"])
def test_a_damaged_mark_is_left_out_and_written_anew(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "relay.json").write_bytes(junk)
    assert read_restarts(tmp_path, NOW) == ()
    mark = begin(tmp_path)
    assert mark.unclean is None
    mark.end()


def test_a_draft_that_a_power_cut_left_is_no_mark(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "relay.new").write_bytes(b'{"serv')
    assert read_restarts(tmp_path, NOW) == ()
    mark = begin(tmp_path)
    assert mark.unclean is None
    mark.end()
