"""Errors of a site that does not start, with the end of the log of what failed."""

from pathlib import Path

from shared.domain.errors import Unavailable

LAST_LINES = 12


class StartFailed(Unavailable):
    """The site, or one of its processes, did not come up."""

    code = "start_failed"


class PortTaken(StartFailed):
    """Another program took a port between the choice and the start; choose others."""

    code = "port_taken"


class NotReady(StartFailed):
    """Something was not ready in time; the message says what, and why not."""

    code = "not_ready"


def last_words(log: Path) -> str:
    """Give the end of a process's log, indented for a message; empty when there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "".join(f"\n    {line}" for line in lines[-LAST_LINES:])
