"""The folder that a site lives in: a temporary one, or the one that the operator named.

One supervisor holds a folder at a time (a file lock, gone with its process). A folder that holds
something else than a site is never written into. A start that does not come to its end, by ctrl-C
or by any other death of the supervisor, leaves a mark: the next start removes what the interrupted
one made, and nothing else, and begins anew.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from shared.domain.files import describe_refusal
from stack.binaries import anybody_may_enter
from stack.failure import StartFailed
from stack.layout import FILE
from stack.paths import ENTRIES, UNFINISHED

LOCK = "lock"
REMOVE_ATTEMPTS: Final = 50
REMOVE_PAUSE_SECONDS: Final = 0.1
"""The processes of a supervisor that was killed end in a moment, and write until then."""


@dataclass
class Folder:
    """A state folder that is ours; *temporary* ones are removed with the site."""

    path: Path
    temporary: bool
    _lock: IO[str]

    def empty(self) -> None:
        """Remove what a start that did not come to its end left, so that it can begin anew."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        for each in self.path.iterdir():
            if each.name not in {LOCK, UNFINISHED}:
                _remove(each)

    def release(self) -> None:
        """Let another supervisor have it; a temporary one that nobody removed goes now."""
        self._lock.close()
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)


def take_folder(wanted: Path | None) -> Folder:
    """Make a temporary folder, or take *wanted*.

    Raises:
        StartFailed: *wanted* holds something else, or another supervisor's site, or is no folder
            that we may use.
    """
    if wanted is None:
        path = Path(tempfile.mkdtemp(prefix="meridian-", dir=_room()))
    else:
        path = wanted.expanduser().absolute()
    with usable(path):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        path.mkdir(parents=True, exist_ok=True)
        folder = Folder(path, wanted is None, _locked(path))
        try:
            _begin(folder)
        except BaseException:
            folder.release()
            raise
    return folder


@contextmanager
def usable(folder: Path) -> Generator[None]:
    """Turn what the system refuses in *folder* into one sentence.

    Raises:
        StartFailed: something in it, or itself, may not be used or is no folder.
    """
    try:
        yield
    except OSError as error:
        place = Path(str(error.filename))
        is_ours = place.is_relative_to(folder) or folder.is_relative_to(place)
        if error.filename is None or not is_ours:
            raise
        raise StartFailed(describe_refusal(place, error)) from error


def _locked(path: Path) -> IO[str]:
    lock = (path / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StartFailed(f"the site in {path} is running already") from error
    except OSError as error:
        lock.close()
        raise StartFailed(describe_refusal(path / LOCK, error)) from error
    return lock


def _begin(folder: Folder) -> None:
    """Mark a new start as one that is not finished; clean up after an interrupted one.

    Raises:
        StartFailed: there is something that no start makes.
    """
    path = folder.path
    if (path / FILE).exists():
        return
    names = sorted(each.name for each in path.iterdir() if each.name not in {LOCK, UNFINISHED})
    is_ours = (path / UNFINISHED).exists()
    foreign = [name for name in names if not is_ours or name not in ENTRIES]
    if foreign:
        raise StartFailed(
            f"{path} holds no complete site but {foreign[0]!r}; remove it or choose another state "
            "folder"
        )
    (path / UNFINISHED).touch(mode=0o600)
    folder.empty()


def _remove(path: Path) -> None:
    """Remove a file or a whole folder, also one that a dying process still writes into."""
    for attempt in range(1, REMOVE_ATTEMPTS + 1):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except PermissionError:
            raise
        except OSError:
            if attempt == REMOVE_ATTEMPTS:
                raise
            time.sleep(REMOVE_PAUSE_SECONDS)
        else:
            return


def _room() -> Path | None:
    """Return where temporary folders go: for root, where PostgreSQL's own user can come as well."""
    usual = Path(tempfile.gettempdir())
    if os.geteuid() != 0 or anybody_may_enter(usual):
        return usual
    common = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 (mkdtemp makes the folder itself)
    return next((each for each in common if each.is_dir() and anybody_may_enter(each)), usual)
