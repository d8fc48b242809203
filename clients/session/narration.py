"""Tells what happens to a session while it runs: for people in lines, for programs in JSON.

One JSON object a line, `{"event": ..., ...}`; the events are the keys of `LINES`, a line for people
for each. Durations are in seconds.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO, cast

from rich.console import Console
from rich.markup import escape

Say = Callable[..., None]
"""Tells one event with its fields: `say("paths", nodes=[...])`."""

LINES: Final = {
    "joined": "joined session [bold]{session}[/]",
    "arrived": "arrived at {public_site} for the team {team}, as session [bold]{session}[/]",
    "waiting": "waiting until somebody takes your session",
    "accepted": "{representative} takes your session",
    "listening": "connect to [bold]{host}:{port}[/]",
    "paths": "paths: {nodes}",
    "secured": "[green]secured[/]: both ends hold the same words",
    "compare": "code [bold]{code}[/]: compare it with the other end, by voice; until you both "
    "have, this session is [yellow]trusting the site[/]",
    "compared": "[green]compared[/]: nobody stands between you and your representative",
    "words_differ": "[red]the other end has other words[/] (attempt {attempt} of {of})",
    "connected": "[green]connected[/] through {node}",
    "path_lost": "[yellow]path lost[/] ({node}); looking for another, nothing is lost",
    "path_failed": "[yellow]no way through {node}[/]: {reason}",
    "resumed": "[green]resumed[/] through {node} after {seconds:.3f} s",
    "stream_opened": "connection {stream} opened",
    "stream_broken": "[yellow]connection {stream} broke[/]: {reason}",
    "secret_unknown": "[yellow]the other end started anew[/] and cannot resume; open a new session",
    "refused": "[yellow]the site: {message}[/]",
    "closed": "closed: {message}",
}


def build_narrator(target: TextIO | None = None, *, as_json: bool) -> Say:
    """Tell on *target*, standard output unless it is given; Rich draws only on a terminal."""
    stream = target or sys.stdout
    console = Console(file=stream, highlight=False, soft_wrap=True)

    def say(event: str, **fields: Any) -> None:
        if as_json:
            stream.write(json.dumps({"event": event, **fields}) + "\n")
        else:
            shown = {name: _shown(value) for name, value in fields.items()}
            console.print(LINES[event].format(**shown))
        stream.flush()

    return say


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return escape(", ".join(str(each) for each in cast("list[object]", value)))
    return escape(value) if isinstance(value, str) else value
