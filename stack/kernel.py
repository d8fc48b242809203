"""The few calls to the kernel that tie one process's life to another's.

A child that sets a parent-death signal dies with the process that started it, however that one
ended; a subreaper inherits the orphans of its descendants, so that it can end them too.
Both exist on Linux only. Elsewhere they do nothing, and the fork server relies on its closed pipe.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(signal_number: int) -> None:
    """Ask for *signal_number* when the parent ends; must follow any change of user."""
    _prctl(PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def call_this_process(name: str) -> None:
    """Name the process for `ps -o comm` and `top`; the kernel keeps 15 bytes."""
    if sys.platform == "linux":
        buffer = ctypes.create_string_buffer(name.encode()[:15])
        _prctl(PR_SET_NAME, ctypes.addressof(buffer))


def children_of(pid: int) -> list[int]:
    """List the children of *pid*; none where the kernel does not say, or when it is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for each in threads for word in (each / "children").read_text().split()]
    except OSError:
        return []


def tree_of(pid: int) -> list[int]:
    """List *pid* and all its descendants, parents first."""
    return [pid, *(each for child in children_of(pid) for each in tree_of(child))]


def become(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _prctl(option: int, argument: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
