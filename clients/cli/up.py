"""`meridian up`: a whole site on this machine, in the foreground, until it is interrupted.

It shows every node and process while they start and while they run, and restarts a process that
ended by itself. From another shell, `meridian up kill` ends a node or a service on purpose, and
`meridian up start` starts it again. The first interrupt stops the site in good order; the second
exits at once, and the site is taken down behind it.
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

from clients.site.profile import Profile
from shared.domain.errors import BadSettings, MeridianError
from stack.control import Control, Verb, control_in, send_order
from stack.layout import FILE
from stack.nats import reader_environment
from stack.process_group import ProcessGroup
from stack.site import Site, SiteOptions
from stack.status import NodeProcesses, ProcessState, ProcessStatus, survey
from stack.supervisor import Supervisor

REFRESH_SECONDS: Final = 1.0
PAST_TENSE: Final = {Verb.KILL: "killed", Verb.START: "started"}
INTERRUPTED: Final = 130
COLOURS: Final = {
    ProcessState.ABSENT: "dim",
    ProcessState.STARTING: "yellow",
    ProcessState.RUNNING: "green",
    ProcessState.READY: "green",
    ProcessState.ENDED: "bold red",
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

    A process that ends by itself is started again. What `kill` ended stays ended until `start`.
    """
    if context.invoked_subcommand is not None:
        return
    console = _console()
    options = SiteOptions(state=state, name=name, patience_seconds=patience)
    with _reported_errors(console):
        asyncio.run(_run(options, console))


def kill(
    context: typer.Context,
    node: NodeArgument,
    service: ServiceArgument = None,
    state: RunningOption = None,
) -> None:
    """Kill a node of the running site, or one of its services; it is not started again."""
    _order(Verb.KILL, node, service, state or _state_of_group(context))


def start(
    context: typer.Context,
    node: NodeArgument,
    service: ServiceArgument = None,
    state: RunningOption = None,
) -> None:
    """Start the stopped services of a node of the running site, or one of its services."""
    _order(Verb.START, node, service, state or _state_of_group(context))


def _order(verb: Verb, node: str, service: str | None, state: Path | None) -> None:
    console = _console()
    with _reported_errors(console):
        folder = state.expanduser().absolute() if state is not None else running_site()
        changed = asyncio.run(send_order(control_in(folder), verb, node, service))
        console.print(f"{PAST_TENSE[verb]} {escape(', '.join(changed))}")


def running_site() -> Path:
    """The folder of the site on this machine that other commands call.

    It holds the certificate authority that they trust: `MERIDIAN_CA_FILE`, or the one that was
    given at `meridian login`.

    Raises:
        BadSettings: no folder above it holds a site of `meridian up`.
    """
    authority = Path(Profile.load().ca_file or "none").absolute()
    for folder in authority.parents:
        with contextlib.suppress(PermissionError):  # what we may not see into is no site of ours
            if (folder / FILE).exists():
                return folder
    raise BadSettings(
        "which site? give --state and the folder that `meridian up` named, or set MERIDIAN_CA_FILE "
        "as it says"
    )


def _state_of_group(context: typer.Context) -> Path | None:
    """The folder in `meridian up --state FOLDER kill ...`."""
    return None if context.parent is None else context.parent.params.get("state")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)


@contextlib.contextmanager
def _reported_errors(console: Console) -> Generator[None]:
    """Print an error of ours as one sentence, and exit with 1."""
    try:
        yield
    except MeridianError as error:
        console.print(f"[red]{escape(error.message)}[/red]")
        raise typer.Exit(1) from error


async def _run(options: SiteOptions, console: Console) -> None:
    """Run the site until the first interrupt."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(_run_site(options, console))

    def on_interrupt() -> None:
        if running.cancelling():
            os._exit(INTERRUPTED)
        console.print("stopping ... (again to leave at once)")
        running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_interrupt)
    try:
        await running
    except asyncio.CancelledError:
        console.print("stopped")


async def _run_site(options: SiteOptions, console: Console) -> None:
    clock = asyncio.get_running_loop().time
    started_at = clock()
    supervisor = Supervisor(lambda line: console.print(f"[red]{escape(line)}[/red]"))
    display = _Display(console)

    def watch(processes: ProcessGroup) -> None:
        supervisor.attach(processes)
        display.begin(processes)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(display.close)
        supervising = asyncio.ensure_future(supervisor.run())
        stack.callback(supervising.cancel)
        site = await stack.enter_async_context(Site.start(replace(options, watch=watch)))
        stack.callback(supervising.cancel)  # before the site is stopped: nothing is started then
        await stack.enter_async_context(_control(supervisor, site, console))
        console.print(_welcome(site, clock() - started_at))
        await supervising


@asynccontextmanager
async def _control(supervisor: Supervisor, site: Site, console: Console) -> AsyncGenerator[None]:
    """Accept `kill` and `start` from another shell; without a socket the site runs all the same."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(Control(supervisor).listening(site.layout.control))
        except OSError as error:
            console.print(
                f"[yellow]{escape(str(site.layout.control))} is no socket ({escape(str(error))}): "
                "`meridian up kill` and `start` cannot be used; a shorter --state may help[/yellow]"
            )
        yield


class _Display:
    """The live table of nodes; it is drawn only on a terminal."""

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
                await asyncio.sleep(REFRESH_SECONDS)


def _table(nodes: tuple[NodeProcesses, ...]) -> Table:
    table = Table(expand=False)
    for heading in ("node", "role", "region", "processes"):
        table.add_column(heading)
    for each in nodes:
        place = each.node.place
        processes = Text("  ").join(_process(process) for process in each.processes)
        table.add_row(place.name, place.role.value, place.region, processes)
    return table


def _process(process: ProcessStatus) -> Text:
    pid = f"\N{NO-BREAK SPACE}{process.pid}" if process.pid else ""
    again = f" (again {process.restarts}\N{MULTIPLICATION SIGN})" if process.restarts else ""
    return Text(f"{process.service}{pid}{again}", style=COLOURS[process.state])


def _welcome(site: Site, seconds: float) -> str:
    """Describe where the site is, and how another shell finds it."""
    environment = reader_environment(site.layout).items()
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
            *(f"  export {name}={value}" for name, value in environment),
            "  meridian login admin",
            "  meridian events tail --since 1h",
            "  meridian up kill berlin          # it stays away until `meridian up start berlin`",
        )
    )
