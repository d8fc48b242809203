"""The folder that a site lives in: a temporary one, or the one that the operator named.

One supervisor holds a folder at a time (a file lock, gone with its process). A folder that holds
something else than a site is never written into.
"""

import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stack.binaries import anybody_may_enter
from stack.failure import StartFailed
from stack.layout import FILE

LOCK = "lock"


@dataclass
class Folder:
    """A state folder that is ours; *temporary* ones are removed with the site."""

    path: Path
    temporary: bool
    _lock: IO[str]

    def empty(self) -> None:
        """Remove what a failed start left, so that it can begin anew."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        for each in self.path.iterdir():
            if each.is_dir():
                shutil.rmtree(each)
            elif each.name != LOCK:
                each.unlink()

    def release(self) -> None:
        """Let another supervisor have it; a temporary one that nobody removed goes now."""
        self._lock.close()
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)


def take_folder(wanted: Path | None) -> Folder:
    """Make a temporary folder, or take *wanted*.

    Raises:
        StartFailed: *wanted* holds something else, or another supervisor's site.
    """
    if wanted is None:
        path = Path(tempfile.mkdtemp(prefix="meridian-", dir=_room()))
    else:
        path = wanted.expanduser().absolute()
        path.mkdir(parents=True, exist_ok=True)
    lock = (path / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StartFailed(f"the site in {path} is running already") from error
    if not (path / FILE).exists() and any(each.name != LOCK for each in path.iterdir()):
        lock.close()
        raise StartFailed(
            f"{path} holds no complete site; remove it or choose another state folder"
        )
    return Folder(path, wanted is None, lock)


def _room() -> Path | None:
    """Return where temporary folders go: for root, where PostgreSQL's own user can come as well."""
    usual = Path(tempfile.gettempdir())
    if os.geteuid() != 0 or anybody_may_enter(usual):
        return usual
    common = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 (mkdtemp makes the folder itself)
    return next((each for each in common if each.is_dir() and anybody_may_enter(each)), usual)
