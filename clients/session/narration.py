"""Reports what happens to a session while it runs: for people in lines, for programs in JSON.

Programs get one JSON object a line, `{"event": ..., ...}`. The events are the keys of `LINES`,
which has the line for people. Durations are in seconds. **No reader of the narration, and none that
is missing, holds up a session or ends it**: see `line_writer`. While a person is asked something on
the terminal, the lines wait for the answer.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO, cast

from rich.console import Console
from rich.markup import escape

from clients.session.line_writer import LineWriter
from shared.decoding.text import one_line

Narrator = Callable[..., None]
"""Reports one event with its fields: `narrate("paths", nodes=[...])`."""

LONGEST_FIELD: Final = 500
FLUSH_SECONDS: Final = 1.0
"""How long the end of a command may wait for its last lines."""

LINES: Final = {
    "joined": "joined session [bold]{session}[/]",
    "lifetime": "the session ends at {at} (in {left})",
    "ends_soon": "[yellow]the session ends at {at}, in {left}[/]; what is open then "
    "breaks off: to go on, open another session",
    "arrived": "arrived at {public_site} for the team {team}, as session [bold]{session}[/]",
    "waiting": "waiting until somebody takes your session",
    "waiting_for_customer": "waiting for the customer",
    "accepted": "{representative} takes your session",
    "listening": "ready: connect to [bold]{host}:{port}[/]",
    "paths": "paths: {nodes}",
    "secured": "[green]secured[/]: both ends hold the same words",
    "compare": "code [bold]{code}[/]: compare it with the other end, by voice; until you both "
    "have, this session is [yellow]trusting the site[/]",
    "compared": "[green]compared[/]: nobody stands between you and your representative",
    "words_differ": "[red]the other end has other words[/] (attempt {attempt} of {of})",
    "connected": "[green]connected[/] through {node}",
    "path_lost": "[yellow]path lost[/] ({node}); looking for another",
    "path_failed": "[yellow]no way through {address}[/]: {reason}",
    "path_events_left_out": "[yellow]{count} more changes of the path are left out[/]",
    "other_side_lost": "[yellow]the other side's connection was lost[/]; waiting for it "
    "(open connections break after {wait_seconds:g} s)",
    "waited_in_vain": "[yellow]{reason}[/]; open connections break, new ones are refused "
    "until there is a path again; ctrl-C ends the session",
    "resumed": "[green]resumed[/] through {node} after {seconds:.3f} s",
    "stream_opened": "connection {stream} opened",
    "streams_refused": "[yellow]connections refused: {count}[/]; {limit} are open already",
    "stream_broken": "[yellow]connection {stream} broke[/]: {reason}",
    "streams_refused_now": "[yellow]connections refused: {count}[/]; the other side is away",
    "secret_unknown": "[yellow]the other side started anew[/], without the secret of this session, "
    "and cannot go on with it; open a new session (ctrl-C ends this one)",
    "refused": "[yellow]the site: {message}[/]",
    "closing": "ending your side of session [bold]{session}[/]; the other side is told "
    "(ctrl-C again stops at once)",
    "closed": "closed: {message}",
    "lines_lost": "[yellow]lines lost: {count}[/]",
}

ENDS_QUESTION: Final = frozenset({"closing", "closed"})
"""Events that do not wait for an answer: nobody needs it any more."""


class Narration:
    """A narrator that writes to one stream; colours only on a terminal."""

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        with contextlib.suppress(OSError):
            stream.flush()
        self._render = _render_json if as_json else _LineRenderer(stream)
        self._encoding = stream.encoding
        self._writer = LineWriter(
            stream.fileno(), lambda count: self._encode("lines_lost", {"count": count})
        )
        self._question: TextIO | None = None

    def __call__(self, event: str, **fields: Any) -> None:
        """Report *event*; neither waits nor fails."""
        if event in ENDS_QUESTION and self._question is not None:
            with contextlib.suppress(OSError):
                self._question.write("\n")
                self._question.flush()
            self.release()
        self._writer.put(self._encode(event, fields))

    def hold(self, question: TextIO) -> None:
        """Keep lines back while a person is asked something on *question*."""
        self._question = question
        self._writer.pause()

    def release(self) -> None:
        """Go on: the question was answered."""
        self._question = None
        self._writer.resume()

    def close(self) -> None:
        """Write what is left, in the time that there is for it."""
        self.release()
        self._writer.flush(FLUSH_SECONDS)

    def _encode(self, event: str, fields: Mapping[str, Any]) -> bytes:
        return self._render(event, fields).encode(self._encoding, "backslashreplace")


def build_narrator(target: TextIO | None = None, *, as_json: bool) -> Narration:
    """A narrator that writes to *target*, standard output if None."""
    return Narration(target or sys.stdout, as_json=as_json)


def _render_json(event: str, fields: Mapping[str, Any]) -> str:
    return json.dumps({"event": event, **fields}) + "\n"


class _LineRenderer:
    """Makes lines for people, with colours if *stream* is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)

    def __call__(self, event: str, fields: Mapping[str, Any]) -> str:
        shown = {name: _escape(value) for name, value in fields.items()}
        with self._console.capture() as captured:
            self._console.print(LINES[event].format(**shown))
        return captured.get()


def _escape(value: Any) -> Any:
    """Make text of others fit for one line: it neither draws on the terminal nor has markup."""
    if isinstance(value, list):
        value = ", ".join(str(each) for each in cast("list[object]", value))
    return escape(one_line(value, LONGEST_FIELD)) if isinstance(value, str) else value
