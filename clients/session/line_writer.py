"""Writes lines to a file descriptor from a thread of its own, so that no reader holds anybody up.

A reader may be slow, frozen or gone, and a disk may be full: `put` neither waits nor fails. Lines
that find no room, in the queue or at the descriptor, are lost; how many is written as soon as a
line gets through again. A line is written whole, or cut off and ended by the next one.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

QUEUE_LINES: Final = 1_000
PAUSE_SECONDS: Final = 0.5
"""How long `pause` may wait for lines that are not written yet."""


class LineWriter:
    """The lines for one descriptor; *describe_loss* makes the line that counts the lost ones."""

    def __init__(self, descriptor: int, describe_loss: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._describe_loss = describe_loss
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._is_paused = False
        self._is_writing = False
        self._has_no_reader = False
        self._is_cut_off = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue *line*, which ends with a line feed."""
        with self._changed:
            if self._has_no_reader or len(self._lines) >= QUEUE_LINES:
                self._lost += 1
                return
            self._lines.append(line)
            self._changed.notify_all()

    def pause(self) -> None:
        """Write what is queued, and then nothing until `resume`."""
        self.flush(PAUSE_SECONDS)
        with self._changed:
            self._is_paused = True

    def resume(self) -> None:
        """Write what was queued since `pause`, and go on."""
        with self._changed:
            self._is_paused = False
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written or lost, at most *seconds*; False if it is not."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._is_writing, seconds)

    def _run(self) -> None:
        while (line := self._next()) is not None:
            has_written = self._report_loss() and self._write(line)
            with self._changed:
                self._lost += not has_written
                self._is_writing = False
                self._changed.notify_all()

    def _next(self) -> bytes | None:
        """Wait for a line; None once nobody can ever read one."""
        with self._changed:
            if self._has_no_reader:
                self._lines.clear()
                self._changed.notify_all()
                return None
            self._changed.wait_for(lambda: self._lines and not self._is_paused)
            self._is_writing = True
            return self._lines.popleft()

    def _report_loss(self) -> bool:
        """Write how many lines were lost, if any; False when that line finds no room either."""
        with self._changed:
            lost = self._lost
        if not lost:
            return True
        if not self._write(self._describe_loss(lost)):
            return False
        with self._changed:
            self._lost -= lost
        return True

    def _write(self, line: bytes) -> bool:
        """Write *line*; False when it cannot be written to its end."""
        rest = memoryview(b"\n" + line if self._is_cut_off else line)
        while rest:
            try:
                count = os.write(self._descriptor, rest)
            except BlockingIOError:
                _wait_writable(self._descriptor)
            except OSError as error:
                self._has_no_reader = isinstance(error, BrokenPipeError)
                return False
            else:
                rest = rest[count:]
                self._is_cut_off = bool(rest)
        return True


def _wait_writable(descriptor: int) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    poller.poll()
