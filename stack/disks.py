"""Small disks for a site's databases and log servers, each of which can be made full.

A disk is a tmpfs, so it needs root and a kernel that lets root mount. It is full when its size is
what it holds: every further page is refused with ENOSPC, and so is a file that grows; what is on it
stays and may be written over. A site's folder holds a link to it.

Law: no disk outlives its maker. A shell holds the mount and reads a pipe; when the maker ends,
however that happens, the pipe closes, and the shell lifts the mount.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.failure import StartFailed
from stack.nats import store_folder
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.restarts import Process

SIZE_BYTES: Final = 768 << 20
"""More than a database or a log server of a test ever holds; memory is used for what is held."""

ROOM: Final = Path("/var/tmp")  # noqa: S108 - mkdtemp makes the folder itself; PostgreSQL's user may enter
PROGRAMS: Final = ("mount", "umount")
HOLD: Final = (
    'mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" && echo mounted && read -r _; '
    'umount -l "$1"; rmdir "$1"'
)
FILL_ATTEMPTS: Final = 100


def missing() -> str:
    """Say why there can be no disk of our own; empty when there can be."""
    if os.geteuid() != 0:
        return "it needs root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"it needs {' and '.join(absent)}"
    try:
        with small_disk(1 << 20):
            return ""
    except StartFailed as error:
        return error.message


@dataclass(frozen=True)
class Disk:
    """A mounted disk of *size_bytes* at *folder*."""

    folder: Path
    size_bytes: int

    def fill(self) -> None:
        """Leave no free page.

        Raises:
            StartFailed: the kernel refuses, or what is on the disk never stops growing.
        """
        why = ""
        for _ in range(FILL_ATTEMPTS):
            if not (why := self._resize(self.used_bytes())):
                return
        raise StartFailed(f"the disk at {self.folder} cannot be made full: {why}")

    def free(self) -> None:
        """Give it the room back that it had.

        Raises:
            StartFailed: the kernel refuses.
        """
        if why := self._resize(self.size_bytes):
            raise StartFailed(f"the disk at {self.folder} cannot be freed: {why}")

    def used_bytes(self) -> int:
        """Count what is on it, in whole pages."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def _resize(self, size_bytes: int) -> str:
        words = ("mount", "-o", f"remount,size={size_bytes}", str(self.folder))
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else ""


@contextmanager
def small_disk(size_bytes: int = SIZE_BYTES, at: Path | None = None) -> Generator[Disk]:
    """Mount a disk in a new folder, or in *at*, which is removed with it; lift it in the end.

    Raises:
        StartFailed: it cannot be mounted.
    """
    folder = Path(tempfile.mkdtemp(prefix="meridian-disk-", dir=ROOM)) if at is None else at
    holder = subprocess.Popen(
        ("sh", "-c", HOLD, "sh", str(folder), str(size_bytes)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    with holder:
        assert holder.stdout is not None, "the holder writes to a pipe"
        if holder.stdout.readline().strip() != "mounted":
            raise StartFailed("its kernel mounts no tmpfs")
        yield Disk(folder, size_bytes)


class SiteDisks:
    """Disks of a site by node and server; the site has no others for these."""

    def __init__(self, disks: dict[Process, Disk]) -> None:
        self._disks = disks

    @staticmethod
    @contextmanager
    def mounted(databases: Iterable[str], log_servers: Iterable[str]) -> "Generator[SiteDisks]":
        """Mount a disk for each of *databases* and *log_servers*, which are names of nodes.

        `link` is what a new site's `SiteOptions.watch` calls.

        Raises:
            StartFailed: there can be no disk here.
        """
        wanted = [
            *((name, POSTGRES) for name in databases),
            *((name, NATS) for name in log_servers),
        ]
        with ExitStack() as stack:
            yield SiteDisks({each: stack.enter_context(small_disk()) for each in wanted})

    def link(self, processes: ProcessGroup) -> None:
        """Have a site that starts, or begins its start anew, keep these servers' files here."""
        layout = processes.layout
        for (node, server), disk in self._disks.items():
            _empty(disk.folder)
            is_database = server == POSTGRES
            place = layout.postgres_folder(node) if is_database else store_folder(layout, node)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(disk.folder)

    def of(self, node: str, server: str) -> Disk:
        """Return the disk of *node*'s `postgres` or `nats`."""
        return self._disks[node, server]

    def free(self) -> None:
        """Free all of them."""
        for disk in self._disks.values():
            disk.free()


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()
