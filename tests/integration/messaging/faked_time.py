"""libfaketime: another time of day for one process, and the clock that nobody sets left alone."""

from pathlib import Path

from tests.programs import require_program

LIBRARIES = (
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    *Path("/usr/lib/faketime").glob("libfaketime.so.1"),
)


def faked(offset: str) -> dict[str, str]:
    """The environment of a process whose time of day is *offset* off, as `+40s`."""
    require_program("faketime")
    return {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
