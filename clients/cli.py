"""`meridian`: the one program that people run."""

import typer

from clients.commands import (
    account,
    arrive,
    backup,
    cluster,
    configuration,
    conflicts,
    connect,
    events,
    failover,
    history,
    secrets,
    select,
    session,
    share,
    simulate,
    site,
    up,
    webhook,
)


def build() -> typer.Typer:
    """The program with all of its commands."""
    app = typer.Typer(
        name="meridian",
        help="Secure remote access that survives the loss of any node.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    areas = (
        *(up, site, secrets, account, configuration, history),
        *(cluster, select, simulate, failover, conflicts, backup),
        *(session, share, arrive, connect, events, webhook),
    )
    for area in areas:
        area.register(app)
    return app


def main() -> None:
    """Run the program."""
    build()()


if __name__ == "__main__":
    main()
