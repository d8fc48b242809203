"""`meridian up`: a whole site on this machine, in the foreground, until it is interrupted.

It shows every node and process while they come up and while they run, and starts again what ended
by itself. `meridian up kill` and `meridian up start` tell it from another shell to end something
on purpose, and to bring it back. The first interrupt stops the site in good order; the second
leaves at once, and the site is taken down behind it.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from clients.profile import Profile
from shared.domain.errors import BadSettings, MeridianError
from stack.control import Control, Verb, control_in, send_order
from stack.layout import FILE
from stack.nats import reader_environment
from stack.process_group import ProcessGroup
from stack.site import Site, SiteOptions
from stack.status import NodeStatus, ProcessStatus, State, survey
from stack.supervisor import Supervisor

LOOK_SECONDS: Final = 1.0
DONE: Final = {Verb.KILL: "killed", Verb.START: "started"}
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
RunningOption = Annotated[
    Path | None,
    typer.Option("--state", help="The running site's folder; default: where you signed in."),
]
NodeArgument = Annotated[str, typer.Argument(help="A node of the site.", metavar="NODE")]
ServiceArgument = Annotated[
    str | None,
    typer.Argument(help="One of its services, or nats, or postgres.", metavar="[SERVICE]"),
]


def register(app: typer.Typer) -> None:
    """Add the command and its verbs to *app*."""
    group = typer.Typer(invoke_without_command=True, subcommand_metavar="[kill|start ...]")
    group.callback()(up)
    group.command("kill")(kill)
    group.command("start")(start)
    app.add_typer(group, name="up")


def up(
    context: typer.Context,
    state: StateOption = None,
    name: NameOption = "meridian.local",
    patience: PatienceOption = 60.0,
) -> None:
    """Run a whole site on this machine until ctrl-C: two masters, a witness, three regions.

    What ends by itself is started again. What `kill` ended stays ended until `start`.
    """
    if context.invoked_subcommand is not None:
        return
    console = _console()
    options = SiteOptions(state=state, name=name, patience_seconds=patience)
    with _refusals(console):
        asyncio.run(_run(options, console))


def kill(
    context: typer.Context,
    node: NodeArgument,
    service: ServiceArgument = None,
    state: RunningOption = None,
) -> None:
    """Kill a node of the running site, or one of its services; it is not started again."""
    _order(Verb.KILL, node, service, state or _given_before(context))


def start(
    context: typer.Context,
    node: NodeArgument,
    service: ServiceArgument = None,
    state: RunningOption = None,
) -> None:
    """Start what a node of the running site does not run, or one of its services."""
    _order(Verb.START, node, service, state or _given_before(context))


def _order(verb: Verb, node: str, service: str | None, state: Path | None) -> None:
    console = _console()
    with _refusals(console):
        folder = state.expanduser().absolute() if state is not None else running_site()
        done = asyncio.run(send_order(control_in(folder), verb, node, service))
        console.print(f"{DONE[verb]} {escape(', '.join(done))}")


def running_site() -> Path:
    """The folder of the site on this machine that other commands speak to.

    It is that of the certificate authority that they trust: `MERIDIAN_CA_FILE`, or what was given
    when somebody signed in.

    Raises:
        BadSettings: that is no site of `meridian up`.
    """
    authority = Path(Profile.load().ca_file or "none").absolute()
    for folder in authority.parents:
        if (folder / FILE).exists():
            return folder
    raise BadSettings(
        "which site? give --state and the folder that `meridian up` named, or set MERIDIAN_CA_FILE "
        "as it says"
    )


def _given_before(context: typer.Context) -> Path | None:
    """The folder of `meridian up --state FOLDER kill ...`."""
    return None if context.parent is None else context.parent.params.get("state")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)


@contextlib.contextmanager
def _refusals(console: Console) -> Generator[None]:
    """Show a refusal as a sentence, and end with 1."""
    try:
        yield
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
    supervisor = Supervisor(lambda line: console.print(f"[red]{escape(line)}[/red]"))
    show = _Show(console)

    def watch(processes: ProcessGroup) -> None:
        supervisor.attach(processes)
        show.begin(processes)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(show.close)
        supervising = asyncio.ensure_future(supervisor.run())
        stack.callback(supervising.cancel)
        site = await stack.enter_async_context(Site.start(replace(options, watch=watch)))
        stack.callback(supervising.cancel)  # before the site is stopped: nothing is started then
        await stack.enter_async_context(_controlled(supervisor, site, console))
        console.print(_welcome(site, clock() - began))
        await supervising


@asynccontextmanager
async def _controlled(supervisor: Supervisor, site: Site, console: Console) -> AsyncGenerator[None]:
    """Listen to `kill` and `start` from another shell; a site runs without that as well."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(Control(supervisor).listening(site.layout.control))
        except OSError as error:
            console.print(
                f"[yellow]{escape(str(site.layout.control))} is no socket ({escape(str(error))}): "
                "`meridian up kill` and `start` cannot be used; a shorter --state may help[/yellow]"
            )
        yield


class _Show:
    """The live table; on something that is no terminal, nothing is drawn."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._task: asyncio.Task[None] | None = None

    def begin(self, processes: ProcessGroup) -> None:
        self._console.print(f"starting a site in {processes.layout.state}")
        if self._task is not None:
            self._task.cancel()
        if self._console.is_terminal:
            self._task = asyncio.create_task(self._draw(processes))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _draw(self, processes: ProcessGroup) -> None:
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(_table(await survey(processes)), refresh=True)
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
    again = f" (again {process.restarts}\N{MULTIPLICATION SIGN})" if process.restarts else ""
    return Text(f"{process.service}{pid}{again}", style=COLOURS[process.state])


def _welcome(site: Site, seconds: float) -> str:
    """Say where the site is, and how another shell finds it."""
    return "\n".join(
        (
            f"site {site.layout.name} is ready after {seconds:.1f} s; ctrl-C stops it",
            f"  gateways  {' '.join(site.gateway_urls)}",
            f"  logs      {site.layout.logs}",
            f"  folder    {site.layout.state}",
            "in another shell:",
            f"  export MERIDIAN_SITE={','.join(site.gateway_urls)}",
            f"  export MERIDIAN_CA_FILE={site.ca_file}",
            f"  export MERIDIAN_PASSWORD_FILE={site.layout.admin_password_file}",
            *(f"  export {name}={told}" for name, told in reader_environment(site.layout).items()),
            "  meridian login admin",
            "  meridian events tail --since 1h",
            "  meridian up kill berlin          # it stays away until `meridian up start berlin`",
        )
    )
