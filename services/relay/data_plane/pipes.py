"""Owns the pipes that `splice` moves bytes through: a pair holds one only while bytes are in it.

Thousands of idle sessions therefore cost no pipe at all. A pipe goes back empty; one that may
still hold bytes is closed, so that no session ever reads another's.
"""

import contextlib
import fcntl
import os
import sys
from dataclasses import dataclass
from typing import Final

CAN_SPLICE: Final = sys.platform == "linux"

PIPE_BYTES: Final = 512 * 1024
KEPT_PIPES: Final = 64


@dataclass(slots=True)
class Pipe:
    """One pipe and how many bytes are in it."""

    source: int
    sink: int
    filled: int = 0

    def close(self) -> None:
        os.close(self.source)
        os.close(self.sink)


class PipePool:
    """Empty pipes, kept for reuse."""

    def __init__(self) -> None:
        self._idle: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Take an empty pipe; None when the process has no descriptors left."""
        if self._idle:
            return self._idle.pop()
        try:
            source, sink = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with contextlib.suppress(OSError):  # the user's share of large pipes is used up
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return Pipe(source, sink)

    def give_back(self, pipe: Pipe) -> None:
        if pipe.filled or len(self._idle) >= KEPT_PIPES:
            pipe.close()
        else:
            self._idle.append(pipe)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
