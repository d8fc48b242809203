"""The containers' health check of a log server, run by a shell against a server of this test."""

import os
import subprocess
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "compose" / "log-server-health"
FULL_DISK = '#!/bin/sh\necho "Filesystem 1024-blocks Used Available"\necho "x 10 10 0 100% /"\n'


class Monitored:
    """A server that says whether it stores, and the process that it is taken for."""

    def __init__(self, folder: Path) -> None:
        self.is_storing = True
        self.folder = folder
        self.paths = list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                self.send_response(200 if outer.is_storing else 503)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(("sleep", "600"))

    @property
    def was_ended(self) -> bool:
        try:
            self.process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            return False
        return True

    def check(self, *, full: bool = False) -> tuple[int, str]:
        """The exit code and the words of one check."""
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        if full:
            (tools / "df").write_text(FULL_DISK)
            (tools / "df").chmod(0o755)
        else:
            (tools / "df").unlink(missing_ok=True)
        environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "MONITOR_PORT": str(self.http.server_port),
            "STORE": str(self.folder),
            "SERVER_PID": str(self.process.pid),
            "MARKS": str(self.folder / "marks"),
        }
        done = subprocess.run(
            ("sh", str(SCRIPT)), env=environment, capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    def checks_until_ended(self) -> int:
        """How many checks fail in a row before the process is ended."""
        for number in range(1, 40):
            assert self.check()[0] == 1
            if self.was_ended:
                self.start()
                return number
        raise AssertionError("it was never ended")


@pytest.fixture
def server(tmp_path: Path) -> Generator[Monitored]:
    monitored = Monitored(tmp_path)
    yield monitored
    monitored.http.shutdown()
    monitored.http.server_close()
    monitored.process.kill()
    monitored.process.wait()


def test_a_server_that_stores_is_healthy_and_runs_on(server: Monitored) -> None:
    assert [server.check() for _ in range(3)] == [(0, "")] * 3
    assert set(server.paths) == {"/healthz?js-enabled-only=true"}
    assert not server.was_ended


def test_one_failure_ends_nothing_and_a_good_answer_begins_anew(server: Monitored) -> None:
    for _ in range(3):
        server.is_storing = False
        assert server.check() == (1, "JetStream is off")
        server.is_storing = True
        assert server.check() == (0, "")
    assert not server.was_ended


def test_a_server_that_stays_off_is_ended_ever_later(server: Monitored) -> None:
    server.is_storing = False
    assert [server.checks_until_ended() for _ in range(3)] == [2, 4, 6]


def test_restarts_of_more_than_an_hour_ago_do_not_count(server: Monitored) -> None:
    server.is_storing = False
    assert server.checks_until_ended() == 2
    for mark in (server.folder / "marks" / "restarts").iterdir():
        long_ago = mark.stat().st_mtime - 3700
        os.utime(mark, (long_ago, long_ago))
    assert server.checks_until_ended() == 2


def test_a_server_whose_disk_is_full_runs_on_until_there_is_room(server: Monitored) -> None:
    server.is_storing = False
    for _ in range(4):
        code, words = server.check(full=True)
        assert (code, words) == (1, "JetStream is off and the disk is full: free some space")
    assert not server.was_ended
    assert server.check() == (1, "JetStream is off: the server is restarted")
    assert server.was_ended


def test_a_server_that_does_not_answer_is_not_healthy(server: Monitored) -> None:
    server.http.shutdown()
    server.http.server_close()
    assert server.check()[0] == 1
