"""`meridian`: the one program that people run.

Only the area that a command belongs to is imported: what moves bytes or reads events takes longer
to import than most commands take to run.
"""

import sys
from importlib import import_module
from typing import Final

import typer

AREAS: Final = {
    "up": ("up",),
    "init": ("init",),
    "secrets": ("secrets",),
    "login": ("login", "key"),
    "apply": ("apply", "export"),
    "log": ("log",),
    "status": ("status", "sync"),
    "select": ("select",),
    "simulate": ("simulate",),
    "failover": ("switchover", "failover"),
    "conflicts": ("conflicts",),
    "backup": ("backup",),
    "session": ("session",),
    "share": ("share",),
    "arrive": ("arrive",),
    "connect": ("connect",),
    "events": ("events",),
    "webhook": ("webhook",),
}
"""The modules of `clients.cli` in the order of the help, and the words that each adds."""


def build(word: str = "") -> typer.Typer:
    """The program with the area of *word*, and with all of its commands when *word* is none's."""
    app = typer.Typer(
        name="meridian",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_program)
    for area in [area for area, words in AREAS.items() if word in words] or AREAS:
        import_module(f"clients.cli.{area}").register(app)
    return app


def _program() -> None:
    """Secure remote access that survives the loss of any node."""


def main() -> None:
    """Run the program."""
    build(*sys.argv[1:2])()
