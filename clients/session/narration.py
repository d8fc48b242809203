"""Reports what happens to a session while it runs: for people in lines, for programs in JSON.

Programs get one JSON object a line, `{"event": ..., ...}`. The events are the keys of `LINES`,
which has the line for people. Durations are in seconds.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO, cast

from rich.console import Console
from rich.markup import escape

Narrator = Callable[..., None]
"""Reports one event with its fields: `narrate("paths", nodes=[...])`."""

LINES: Final = {
    "joined": "joined session [bold]{session}[/]",
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
    "stream_broken": "[yellow]connection {stream} broke[/]: {reason}",
    "streams_refused": "[yellow]connections refused: {count}[/]; {limit} are open already",
    "streams_refused_now": "[yellow]connections refused: {count}[/]; the other side is away",
    "secret_unknown": "[yellow]the other side started anew[/], without the secret of this session, "
    "and cannot go on with it; open a new session (ctrl-C ends this one)",
    "refused": "[yellow]the site: {message}[/]",
    "closed": "closed: {message}",
}


def build_narrator(target: TextIO | None = None, *, as_json: bool) -> Narrator:
    """A narrator that writes to *target*, standard output if None; colours only on a terminal."""
    stream = target or sys.stdout
    console = Console(file=stream, highlight=False, soft_wrap=True)

    def narrate(event: str, **fields: Any) -> None:
        if as_json:
            stream.write(json.dumps({"event": event, **fields}) + "\n")
        else:
            shown = {name: _escape(value) for name, value in fields.items()}
            console.print(LINES[event].format(**shown))
        stream.flush()

    return narrate


def _escape(value: Any) -> Any:
    if isinstance(value, list):
        return escape(", ".join(str(each) for each in cast("list[object]", value)))
    return escape(value) if isinstance(value, str) else value
