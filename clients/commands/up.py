"""`meridian up`: a whole site on this machine, in the foreground, until it is interrupted.

It shows every node and process while they come up and while they run. The first interrupt stops
the site in good order; the second leaves at once, and the site is taken down behind it.
"""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from shared.domain.errors import MeridianError
from stack.crew import Crew
from stack.nats import reader_environment
from stack.site import Site, SiteOptions
from stack.status import NodeStatus, ProcessStatus, State, survey

LOOK_SECONDS: Final = 1.0
INTERRUPTED: Final = 130
COLOURS: Final = {
    State.ABSENT: "dim",
    State.STARTING: "yellow",
    State.RUNNING: "green",
    State.READY: "green",
    State.ENDED: "bold red",
}

StateOption = Annotated[
    Path | None,
    typer.Option("--state", help="Keep the site in this folder; default: a temporary one."),
]
NameOption = Annotated[str, typer.Option("--name", help="What a new site is called.")]
PatienceOption = Annotated[
    float, typer.Option("--patience", help="Seconds to wait for each step of the start.")
]


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("up")(up)


def up(
    state: StateOption = None, name: NameOption = "meridian.local", patience: PatienceOption = 60.0
) -> None:
    """Run a whole site on this machine until ctrl-C: two masters, a witness, three regions."""
    console = Console(soft_wrap=True, highlight=False)
    try:
        asyncio.run(_run(SiteOptions(state=state, name=name, patience_seconds=patience), console))
    except MeridianError as error:
        console.print(f"[red]{escape(error.message)}[/red]")
        raise typer.Exit(1) from error


async def _run(options: SiteOptions, console: Console) -> None:
    """Show and hold the site until the first interrupt."""
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(_hold(options, console))

    def interrupted() -> None:
        if work.cancelling():
            os._exit(INTERRUPTED)
        console.print("stopping ... (again to leave at once)")
        work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        await work
    except asyncio.CancelledError:
        console.print("stopped")


async def _hold(options: SiteOptions, console: Console) -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    async with AsyncExitStack() as stack:
        show = _Show(console)
        stack.push_async_callback(show.close)
        watched = replace(options, watch=show.begin)
        site = await stack.enter_async_context(Site.start(watched))
        console.print(_welcome(site, clock() - began))
        await asyncio.Event().wait()


class _Show:
    """The live table; on something that is no terminal, nothing is drawn."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._task: asyncio.Task[None] | None = None

    def begin(self, crew: Crew) -> None:
        self._console.print(f"starting a site in {crew.layout.state}")
        if self._task is not None:
            self._task.cancel()
        if self._console.is_terminal:
            self._task = asyncio.create_task(self._draw(crew))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _draw(self, crew: Crew) -> None:
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(_table(await survey(crew)), refresh=True)
                await asyncio.sleep(LOOK_SECONDS)


def _table(nodes: tuple[NodeStatus, ...]) -> Table:
    table = Table(expand=False)
    for heading in ("node", "role", "region", "processes"):
        table.add_column(heading)
    for each in nodes:
        place = each.node.place
        words = Text("  ").join(_process(process) for process in each.processes)
        table.add_row(place.name, place.role.value, place.region, words)
    return table


def _process(process: ProcessStatus) -> Text:
    pid = f"\N{NO-BREAK SPACE}{process.pid}" if process.pid else ""
    return Text(f"{process.service}{pid}", style=COLOURS[process.state])


def _welcome(site: Site, seconds: float) -> str:
    """Say where the site is, and how another shell finds it."""
    return "\n".join(
        (
            f"site {site.layout.name} is ready after {seconds:.1f} s; ctrl-C stops it",
            f"  gateways  {' '.join(site.gateway_urls)}",
            f"  logs      {site.layout.logs}",
            "in another shell:",
            f"  export MERIDIAN_SITE={','.join(site.gateway_urls)}",
            f"  export MERIDIAN_CA_FILE={site.ca_file}",
            f"  export MERIDIAN_PASSWORD_FILE={site.layout.admin_password_file}",
            *(f"  export {name}={told}" for name, told in reader_environment(site.layout).items()),
            "  meridian login admin",
            "  meridian events tail --since 1h",
        )
    )
