"""Prints the demonstration's progress: one line an event, with the seconds since the start."""

import sys
import time


class Narrator:
    """Prints one line for each event."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:6.1f} s  {line}\n")
        sys.stdout.flush()
