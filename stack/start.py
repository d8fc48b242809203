"""Brings a site up, in the order that its parts need one another.

Keys and documents first, then NATS and PostgreSQL while the fork server imports the services, then
what only the config service can found, then every service at once.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import binaries, founding, layout, partition
from stack.failure import NotReady, PortTaken, StartFailed
from stack.folder import Folder, take_folder, usable
from stack.layout import NodeLayout
from stack.ports import reserve, reserve_again
from stack.process_group import ProcessGroup
from stack.processes import Child, ForkServerClient
from stack.readiness import Probe, http_probe, until
from stack.servers import start_servers, wait_for_brokers, wait_for_databases
from stack.start_probes import start_probes

ATTEMPTS: Final = 3


@dataclass(frozen=True)
class SiteOptions:
    """The site to start: where it keeps its state, what it is called, how long it may take.

    *watch* is called with the process group as soon as there is one, for those who show the start.
    The nodes of a *linked* site can be cut off from one another.
    """

    state: Path | None = None
    name: str = "meridian.local"
    patience_seconds: float = 60.0
    places: tuple[layout.Place, ...] = layout.PLACES
    linked: bool = False
    watch: Callable[[ProcessGroup], None] | None = None


async def bring_up(options: SiteOptions, stack: AsyncExitStack) -> ProcessGroup:
    """Start every process of the site; *stack* gets what has to be undone.

    When somebody else took one of a new site's ports meanwhile, it begins anew with others.

    Raises:
        StartFailed: a process ended or a server was not there in time.
    """
    folder = take_folder(options.state)
    stack.callback(folder.release)
    with usable(folder.path):
        return await _start_in(folder, options, stack)


async def _start_in(folder: Folder, options: SiteOptions, stack: AsyncExitStack) -> ProcessGroup:
    is_new = layout.read(folder.path) is None
    for attempt in range(1, ATTEMPTS + 1):
        undo = AsyncExitStack()
        try:
            async with undo:
                processes = await _start(options, folder, undo)
                stack.push_async_callback(undo.pop_all().aclose)
                return processes
        except PortTaken:
            if not is_new or attempt == ATTEMPTS:
                raise
            folder.empty()
    raise AssertionError("the last attempt returns or raises")


async def start_services(processes: ProcessGroup, nodes: Iterable[NodeLayout]) -> None:
    """Start every service of *nodes*."""
    await asyncio.gather(*(processes.start(node, each) for node in nodes for each in node.services))


def health_of(
    processes: ProcessGroup, nodes: Iterable[NodeLayout]
) -> tuple[dict[str, Probe], tuple[Child, ...]]:
    """Say how to ask the services of *nodes* that were started, and which must not end."""
    ports = {
        (str(node.name), service): port for node in nodes for service, port in node.services.items()
    }
    started = {key: port for key, port in ports.items() if key in processes.members}
    return start_probes(
        processes, {key: http_probe(port, "/readyz") for key, port in started.items()}
    )


async def _start(options: SiteOptions, folder: Folder, undo: AsyncExitStack) -> ProcessGroup:
    kept = layout.read(folder.path)
    places, linked = (kept.places, bool(kept.links)) if kept else (options.places, options.linked)
    ports = layout.ports_of(places, linked=linked)
    block = reserve_again(kept.guard, ports) if kept else reserve(ports)
    undo.callback(block.close)
    plan = kept or layout.plan(
        options.name, folder.path, block.guard, block.take, places, linked=linked
    )
    founding.make_folders(plan)
    postgresql = binaries.find_postgres(folder.path)
    fork_server = await ForkServerClient.start(plan.logs / "fork_server.log")
    undo.push_async_callback(fork_server.close)
    if folder.temporary:
        fork_server.remove_at_end(folder.path)
    processes = ProcessGroup(plan, fork_server, binaries.find_nats_server(), postgresql)
    undo.push_async_callback(processes.stop)
    if options.watch:
        options.watch(processes)
    await _start_everything(processes, options.patience_seconds, is_new=kept is None)
    return processes


async def _start_everything(processes: ProcessGroup, seconds: float, *, is_new: bool) -> None:
    nodes = processes.layout.nodes
    if is_new:
        founding.make_secrets(processes.layout)
        founding.make_keys(processes.layout)
    services = sorted({service for node in nodes for service in node.services})
    imported = asyncio.create_task(
        processes.fork_server.preload(f"services.{name}.__main__" for name in services)
    )
    try:
        await _start_and_wait(processes, seconds)
        await imported
    finally:
        imported.cancel()
    _refuse_the_unimportable(processes.fork_server)
    if is_new:
        await founding.found(processes)
    await start_services(processes, nodes)
    try:
        await until(*health_of(processes, nodes), seconds)
    except NotReady:
        if processes.watcher is None:
            raise  # else the site is judged as a whole, by whether there is a primary


async def _start_and_wait(processes: ProcessGroup, seconds: float) -> None:
    if processes.layout.links:
        await partition.start(processes, seconds)
    await start_servers(processes, processes.layout.nodes)
    await wait_for_databases(processes, processes.layout.nodes, seconds)
    await wait_for_brokers(processes, seconds)


def _refuse_the_unimportable(fork_server: ForkServerClient) -> None:
    for module, why in fork_server.refused_imports.items():
        raise StartFailed(f"{module} cannot be imported: {why}")
