"""The fork server of a site: it starts every process (`python -m stack.fork_server`).

It owns the lives of its children and decides nothing else. It imports the services once and forks
them on request, which takes milliseconds where a fresh interpreter takes seconds; it has one
thread, so that a fork copies nothing half done.

Law: nothing outlives the supervisor. When the supervisor ends, however that happens, the pipe
closes and wakes this process; it then kills its children and removes the folder that it was given
to remove. When it ends itself, the parent-death signal kills its children. Signals go only to
children that have not been reaped, so a process id never names another process.

It speaks JSON, one object a line. In on standard input: `{"do": "start", "id", "program"}`,
`{"do": "signal", "pids", "signal"}`, `{"do": "import", "modules"}`, `{"do": "remove", "folder"}`.
Out on standard output: `{"started": id, "pid"}`, `{"failed": id, "why"}`, `{"exited": pid, "code"}`
(negative: the signal), `{"imported": module, "why"}` (why it cannot be imported, or null).
"""

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import traceback
from collections import deque
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NoReturn

from shared.decoding.fields import decode_mapping
from shared.decoding.jsontext import FILE
from stack import kernel

READ_BYTES: Final = 1 << 16
FIRST_OTHER_FILE: Final = 3
OTHER_FILES_END: Final = 256
OWN_SIGNALS: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1)
WHOLE_TREE: Final = frozenset({signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT})
"""Signals that also go to what the child itself started (PostgreSQL's own processes)."""


@dataclass
class ForkServer:
    """The children, the requests read so far, and what is still to be imported."""

    parent: int
    wakeup: int
    notices: int
    children: set[int] = field(default_factory=set[int])
    to_import: deque[str] = field(default_factory=deque[str])
    folder: str | None = None
    pending: bytes = b""

    def serve(self) -> None:
        """Work until the supervisor is gone."""
        while os.getppid() == self.parent:
            wait = 0 if self.to_import else None
            ready, _, _ = select.select([0, self.wakeup], [], [], wait)
            if self.wakeup in ready:
                os.read(self.wakeup, READ_BYTES)
                self.reap()
            if 0 in ready and not self.read():
                return
            if self.to_import and not ready:
                self.import_one(self.to_import.popleft())

    def read(self) -> bool:
        """Take what the supervisor wrote; False when it closed the pipe."""
        try:
            data = os.read(0, READ_BYTES)
        except OSError:
            data = b""
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self.perform(decode_mapping(line, "request", FILE))
        return bool(data)

    def perform(self, request: dict[str, Any]) -> None:
        match request["do"]:
            case "start":
                self.start(int(request["id"]), request["program"])
            case "signal":
                self.send(request["pids"], signal.Signals(request["signal"]))
            case "import":
                self.to_import.extend(request["modules"])
            case "remove":
                self.folder = request["folder"]
            case verb:
                raise AssertionError(f"unknown request {verb!r}")

    def start(self, number: int, program: dict[str, Any]) -> None:
        """Fork a child and report its pid, or why it could not be started."""
        try:
            log = os.open(program["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            self.say(failed=number, why=str(error))
            return
        parent = os.getpid()
        # Until the child has its own handlers, a signal would meet the fork server's in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, OWN_SIGNALS)
        pid = os.fork()
        if pid == 0:
            run_child(program, log, parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, OWN_SIGNALS)
        os.close(log)
        self.children.add(pid)
        self.say(started=number, pid=pid)

    def send(self, pids: list[int], number: signal.Signals) -> None:
        """Signal those of *pids* that are unreaped children, all before anything else happens."""
        mine = [pid for pid in pids if pid in self.children]
        if number in WHOLE_TREE:
            mine = [each for pid in mine for each in kernel.tree_of(pid)]
        for pid in mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def reap(self) -> None:
        """Reap ended processes, report the children among them, and kill their orphans."""
        while dead := collect():
            pid, code = dead
            if pid in self.children:
                self.children.remove(pid)
                self.say(exited=pid, code=code)
        for orphan in set(kernel.children_of(os.getpid())) - self.children:
            os.kill(orphan, signal.SIGKILL)

    def import_one(self, module: str) -> None:
        try:
            importlib.import_module(module)
        except Exception:  # noqa: BLE001 (whatever it is, it is reported)
            self.say(imported=module, why=traceback.format_exc().strip())
        else:
            self.say(imported=module, why=None)
        if not self.to_import:
            gc.collect()
            gc.freeze()

    def say(self, **notice: object) -> None:
        """Notify the supervisor; when it is gone, the other pipe shows it next."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.notices, json.dumps(notice).encode() + b"\n")

    def close(self) -> None:
        """Kill every descendant, wait for each, remove the folder."""
        while True:
            alive = {*self.children, *kernel.children_of(os.getpid())}
            for each in {pid for root in alive for pid in kernel.tree_of(root)}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                break
            self.children.discard(pid)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def collect() -> tuple[int, int] | None:
    """Reap one dead child, and return its pid and exit code."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def run_child(program: dict[str, Any], log: int, parent: int) -> NoReturn:
    """Be the child: become the program, or run the module's `main`, and never return."""
    code = 1
    try:
        prepare(program, log, parent)
        if program["module"] is None:
            os.execve(program["arguments"][0], program["arguments"], program["environment"])  # noqa: S606 (no shell is meant)
        importlib.import_module(program["module"]).main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 (nothing of the child may run on in the fork server's code)
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def prepare(program: dict[str, Any], log: int, parent: int) -> None:
    """Give the child its own session, files, user and environment."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in OWN_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OWN_SIGNALS)
    if program["module"] is None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(FIRST_OTHER_FILE, OTHER_FILES_END)
    os.chdir(program["folder"])
    if program["user"] is not None:
        kernel.become(*program["user"])
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit("the fork server ended")
    kernel.call_this_process(program["name"])
    os.environ.clear()
    os.environ.update(program["environment"])
    sys.argv = list(program["arguments"])


def main() -> None:
    """Serve the supervisor whose pid is the first argument, then leave nothing behind."""
    kernel.adopt_orphans()
    notices = os.dup(1)
    os.dup2(2, 1)  # whatever an import prints is no notice
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, _wake)
    kernel.die_with_parent(signal.SIGUSR1)
    fork_server = ForkServer(int(sys.argv[1]), reading, notices)
    signal.signal(signal.SIGTERM, _exit_now)
    try:
        fork_server.serve()
    finally:
        fork_server.close()


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal's byte in the pipe ends the wait."""


def _exit_now(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
