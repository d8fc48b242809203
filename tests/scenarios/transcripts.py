"""Transcripts: what is done to a cluster, line by line, and what the cluster then reports.

A line that begins with `>` is a command, the indented lines after it are its output; comments and
empty lines stay as they are. A test plays the commands and compares the output. Where a change of
behaviour is wanted, `make test ARGS="tests/scenarios --rewrite-transcripts"` writes the files anew,
and the difference is read in `git diff`.
"""

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

Run = Callable[[str], list[str]]
"""Runs one command; returns the lines of its output."""


class TranscriptError(AssertionError):
    """A cluster reports something else than its transcript."""


def play(transcript: str, run: Run) -> str:
    """Return the transcript as it is when its commands are run now."""
    lines: list[str] = []
    for line in transcript.splitlines():
        if line.startswith("> "):
            lines += [line, *(f"  {output}" for output in run(line[2:]))]
        elif line.startswith("#") or not line:
            lines.append(line)
    return "\n".join(lines) + "\n"


def check(path: Path, run: Run, *, rewrite: bool) -> None:
    """Play the transcript at *path*; with *rewrite* its file becomes what was observed.

    Raises:
        TranscriptError: something else was observed, and the file stays as it was.
    """
    written = path.read_text()
    observed = play(written, run)
    if observed == written:
        return
    if not rewrite:
        raise TranscriptError(
            f"{path.name}: observed another text; if it is wanted,"
            f' write it with: make test ARGS="tests/scenarios --rewrite-transcripts"'
            f"\n{difference(written, observed)}"
        )
    path.write_text(observed)


def difference(written: str, observed: str) -> str:
    """The lines that differ, as `diff -u` prints them."""
    old, new = written.splitlines(), observed.splitlines()
    return "\n".join(unified_diff(old, new, "written", "observed", lineterm=""))
