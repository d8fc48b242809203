"""Runs in every process of a traced site: on SIGUSR2 it notes who is handed the change.

Python imports a module of this name at its start when its folder is on PYTHONPATH. The first signal
begins to note; the second writes the files to `$WALK_FOLDER/PID.json`, in the order of the calls.
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = Path(__file__).resolve().parents[3]
MARK = "a-traced-change"
FOLDER_OF_REPORTS = os.environ.get("WALK_FOLDER", "")
seen: dict[str, str] = {}
is_noting = False


def is_handed_the_change(frame: FrameType) -> bool:
    """Say whether an argument of the call, other than `self`, names the change."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = [frame.f_locals.get(name) for name in names if name not in ("self", "cls")]
    return any(names_the_change(value) for value in values)


def names_the_change(value: Any) -> bool:
    """Say whether *value* says the change's name when it is written out."""
    if callable(value) or value is None or isinstance(value, int | float | bool):
        return False
    with contextlib.suppress(Exception):
        return MARK in repr(value)[:20_000]
    return False


def note(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ARG001 (a profile function's arguments)
    """Keep the file of a call of this project that is handed the change."""
    path = frame.f_code.co_filename
    if (
        event != "call"
        or not path.startswith(str(FOLDER))
        or "/.venv/" in path
        or "/tools/" in path
    ):
        return
    name = str(Path(path).relative_to(FOLDER))
    if name in seen:
        return
    sys.setprofile(None)
    try:
        if is_handed_the_change(frame):
            seen[name] = frame.f_code.co_qualname
    finally:
        sys.setprofile(note)


def switch(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a signal handler's arguments)
    """Begin to note, or write what was noted."""
    global is_noting  # noqa: PLW0603 (one process, one state)
    is_noting = not is_noting
    sys.setprofile(note if is_noting else None)
    if not is_noting:
        command = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode()
        report = {"command": command, "argv": sys.argv, "files": seen}
        path = Path(FOLDER_OF_REPORTS) / f"{os.getpid()}.json"
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(report))
        beside.replace(path)


signal.signal(signal.SIGUSR2, switch)
