"""Writes and reads the mark that a service leaves in its node's folder while it runs.

`run/<service>.json` in the state folder is written when a service starts and removed when it ends
cleanly; **the file is whole or it is the old one**: written beside it, synchronised, renamed. While
the service lives it holds a lock on the file, which the kernel takes away with the process. So a
mark without a lock is of a run that ended uncleanly, whatever ended it, and is found by the next
start of the service and by whoever speaks for the node meanwhile.
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.decoding.errors import Undecodable
from shared.domain.ids import UnixMillis
from shared.domain.runs import Run
from shared.domain.service import ServiceRestarts

FOLDER: Final = "run"
_LOG: Final = logging.getLogger("meridian.service")


@dataclass
class Mark:
    """The mark of this process; *unclean* is the run before it, if that did not end cleanly."""

    path: Path
    run: Run
    unclean: Run | None
    _lock: int

    @staticmethod
    def begin(state: Path, run: Run) -> "Mark":
        """Mark *run* as under way.

        Raises:
            OSError: the folder cannot be written to.
        """
        folder = state / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{run.service}.json"
        unclean = _read(path)
        run = run.after(unclean)
        return Mark(path, run, unclean, _write(path, run))

    def end(self) -> None:
        """Record that the run ended cleanly."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        os.close(self._lock)


def read_restarts(state: Path, now: UnixMillis) -> tuple[ServiceRestarts, ...]:
    """The services of this node that have ended uncleanly since they last ended cleanly."""
    found: list[ServiceRestarts] = []
    for path in sorted((state / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError), _open_mark(path) as (run, runs):
            if run is not None and (run.restarts or not runs):
                found.append(
                    ServiceRestarts(
                        service=run.service,
                        restarts=run.restarts,
                        crash_loop=run.is_crash_loop(now, runs=runs),
                        is_away=not runs,
                    )
                )
    return tuple(found)


@contextlib.contextmanager
def _open_mark(path: Path) -> Generator[tuple[Run | None, bool]]:
    """The run in a mark, and whether its process lives."""
    with path.open("rb") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _decode(path, mark.read()), True
        else:
            yield _decode(path, mark.read()), False


def _read(path: Path) -> Run | None:
    try:
        return _decode(path, path.read_bytes())
    except FileNotFoundError:
        return None


def _decode(path: Path, data: bytes) -> Run | None:
    try:
        return Run.decode(data)
    except Undecodable as error:
        _LOG.warning("%s is damaged, and is left out: %s", path, error.message)
        return None


def _write(path: Path, run: Run) -> int:
    """Put the mark in place, locked by this process from the beginning; return its descriptor."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, run.encode())
        os.fsync(descriptor)
        draft.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
