"""`meridian`: the one program that people run. Each verb is a module of this package.

Only the module of the verb that was typed is imported: moving bytes and reading events takes longer
to import than most commands take to run. `meridian --help` imports none of them.
"""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

import typer

INTERRUPTED: Final = 130

VERBS: Final = {
    "up": "Run a whole site on this machine until ctrl-C: two masters, a witness, three regions.",
    "init": "Make a site on its first master: the log, the lease, the first administrator.",
    "secrets": "The secrets that a site begins with.",
    "login": "Sign in to a site and remember it.",
    "key": "Pre-shared keys.",
    "apply": "Make the site what the file says; what it does not name stays, unless --prune.",
    "export": "Print the whole configuration as YAML that apply takes; secrets are left out.",
    "log": "Show who changed what, when; newest first.",
    "status": "Show every node: role, liveness, position in the log, load; or what happened.",
    "sync": "Make followers catch up now and prove their position.",
    "select": "Show which traffic node a client would get, and why.",
    "simulate": "Show what a setting would do, before it is saved.",
    "switchover": "Make the other master primary; changes wait meanwhile, and none is refused.",
    "failover": "What happens when the primary fails.",
    "conflicts": "Changes that one master had alone when the site went on without it.",
    "backup": "Everything that the site knows, in one file.",
    "session": "Sessions with customers.",
    "share": "Let the holder of a session key connect to HOST:PORT, until you press ctrl-C.",
    "arrive": "Wait in a support team's queue, and let whoever takes you connect to HOST:PORT.",
    "connect": "Reach what the customer of a session shares.",
    "events": "What happens in the site.",
    "webhook": "Receivers outside that are notified of events.",
}
"""Every verb in the order of the help, and the line that `meridian --help` shows of it."""


def build(verb: str = "") -> typer.Typer:
    """The program with one *verb*; with a line of help for each when *verb* is none of them."""
    app = typer.Typer(
        name="meridian",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_program)
    if verb in VERBS:
        import_module(f"clients.cli.{verb}").register(app)
        return app
    for name, summary in VERBS.items():
        app.command(name, help=summary)(_unloaded(name))
    return app


def main() -> None:
    """Run the program."""
    reserve_standard_streams()
    logging.getLogger().addHandler(logging.NullHandler())  # libraries would print their own lines
    try:
        build(*sys.argv[1:2])()
    except KeyboardInterrupt:  # before the verb took care of it
        sys.exit(INTERRUPTED)


def reserve_standard_streams() -> None:
    """Open what is closed of standard input, output and error, so that no socket takes its place.

    An input that was closed is empty. What goes to an output that was closed is lost, and
    descriptor 1 refuses bytes: they would be somebody's connection.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    sys.stdin = sys.stdin or os.fdopen(os.open(os.devnull, os.O_RDONLY))
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _program() -> None:
    """Secure remote access that survives the loss of any node."""


def _unloaded(verb: str) -> Callable[[], None]:
    def run() -> None:
        raise AssertionError(f"the program was not built for {verb}")

    return run
