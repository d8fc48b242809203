"""Runs a program whose every write to a disk takes longer, as on a disk that others keep busy.

`python -m tools.slow_disk SWITCH -- PROGRAM ...`: while the file SWITCH exists, each fsync,
fdatasync and positioned write of PROGRAM, and of whatever it starts, is held for a time between 0
and `LONGEST_SECONDS` that is drawn anew; then the kernel does it. No call is changed or lost.

The kernel hands these calls to another process by a seccomp filter (seccomp_unotify(2)), which
works for programs that use no C library as well; the program needs no permission for it.
"""

import ctypes
import errno
import fcntl
import heapq
import os
import platform
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LONGEST_SECONDS: Final = 0.3


@dataclass(frozen=True)
class Machine:
    """The numbers of system calls: `seccomp`, and those that write to a disk."""

    seccomp: int
    writes: tuple[int, ...]


MACHINES: Final = {
    "x86_64": Machine(317, (18, 74, 75, 277, 296, 328)),
    "aarch64": Machine(277, (68, 70, 82, 83, 84, 287)),
}
"""pwrite64, fsync, fdatasync, sync_file_range, pwritev and pwritev2 of each."""

NO_NEW_PRIVILEGES: Final = 38
FILTER, NEW_LISTENER = 1, 8
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
INSTRUCTION: Final = "HBBI"
RECEIVE, SEND = 0xC0502100, 0xC0182101
NOTICE: Final = struct.Struct("Q72x")
ANSWER: Final = struct.Struct("QqiI")
CONTINUE: Final = 1


class Program(ctypes.Structure):
    """`struct sock_fprog`: a filter of so many instructions."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


@dataclass
class Delays:
    """Holds the calls that the kernel hands over on *listener*, each until it is due."""

    listener: int
    switch: Path
    chance: random.Random = field(default_factory=random.Random)
    _due: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])

    def serve(self) -> None:
        """Work until no process has the filter any more."""
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        while True:
            for _, event in poll.poll(self._patience_ms()):
                if event & select.POLLIN:
                    self._take()
                else:
                    return
            self._let_go()

    def _take(self) -> None:
        notice = bytearray(NOTICE.size)
        try:
            fcntl.ioctl(self.listener, RECEIVE, notice)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):
                raise
            return  # who called has died
        (number,) = NOTICE.unpack(notice)
        held = self.chance.uniform(0.0, LONGEST_SECONDS) if self.switch.exists() else 0.0
        heapq.heappush(self._due, (time.monotonic() + held, number))

    def _let_go(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, number = heapq.heappop(self._due)
            try:
                fcntl.ioctl(self.listener, SEND, ANSWER.pack(number, 0, 0, CONTINUE))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise

    def _patience_ms(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, self._due[0][0] - time.monotonic()) * 1e3


def missing() -> str:
    """Say why writes cannot be delayed here; empty when they can."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return "it needs Linux on x86_64 or aarch64"
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    if not actions.exists() or "user_notif" not in actions.read_text().split():
        return "its kernel hands no system call to another process"
    return ""


def words_of(switch: Path, program: Sequence[str]) -> tuple[str, ...]:
    """Say how *program* is run with a disk that is slow while *switch* exists."""
    return (sys.executable, "-m", "tools.slow_disk", str(switch), "--", *program)


def install_filter() -> int:
    """Have every write of this process from now on be handed over; the listener.

    Raises:
        OSError: the kernel refuses.
    """
    machine, libc = MACHINES[platform.machine()], ctypes.CDLL(None, use_errno=True)
    count = len(machine.writes)
    code = struct.pack(INSTRUCTION, LOAD, 0, 0, 0)
    for place, number in enumerate(machine.writes):
        code += struct.pack(INSTRUCTION, EQUALS, count - place, 0, number)
    code += struct.pack(INSTRUCTION, RETURN, 0, 0, ALLOW)
    code += struct.pack(INSTRUCTION, RETURN, 0, 0, NOTIFY)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = Program(count + 3, ctypes.addressof(buffer))
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    listener = int(libc.syscall(machine.seccomp, FILTER, NEW_LISTENER, ctypes.byref(program)))
    if listener < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return listener


def main() -> None:
    """Become the program, with a child that holds its writes."""
    switch, _, *program = sys.argv[1:]
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _, listeners, _, _ = socket.recv_fds(theirs, 1, 1)
        Delays(listeners[0], Path(switch)).serve()
        os._exit(0)
    listener = install_filter()
    socket.send_fds(ours, [b"."], [listener])
    os.close(listener)
    for end in (ours, theirs):
        end.close()
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()
