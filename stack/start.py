"""Bringing a site up, in the order that its parts need one another.

Keys and documents first, then NATS and PostgreSQL while the nursery imports the services, then
what only the config service can found, then every service at once.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import binaries, founding, layout, partition
from stack.awaited import awaited
from stack.crew import Crew
from stack.failure import NotReady, PortTaken, StartFailed
from stack.folder import Folder, take_folder
from stack.layout import NodeLayout
from stack.ports import reserve, reserve_again
from stack.processes import Child, Nursery
from stack.readiness import Probe, http_probe, until
from stack.servers import start_servers, wait_for_brokers, wait_for_databases

ATTEMPTS: Final = 3


@dataclass(frozen=True)
class SiteOptions:
    """What site to start: where it keeps its state, what it is called, how long it may take.

    *watch* is called with the crew as soon as there is one, for those who show the start.
    The nodes of a *linked* site can be cut off from one another.
    """

    state: Path | None = None
    name: str = "meridian.local"
    patience_seconds: float = 60.0
    places: tuple[layout.Place, ...] = layout.PLACES
    linked: bool = False
    watch: Callable[[Crew], None] | None = None


async def bring_up(options: SiteOptions, stack: AsyncExitStack) -> Crew:
    """Start every process of the site; *stack* gets what has to be undone.

    When somebody else took one of a new site's ports meanwhile, it begins anew with others.

    Raises:
        StartFailed: a process ended or a server was not there in time.
    """
    folder = take_folder(options.state)
    stack.callback(folder.release)
    is_new = layout.read(folder.path) is None
    for attempt in range(1, ATTEMPTS + 1):
        undo = AsyncExitStack()
        try:
            async with undo:
                crew = await _start(options, folder, undo)
                stack.push_async_callback(undo.pop_all().aclose)
                return crew
        except PortTaken:
            if not is_new or attempt == ATTEMPTS:
                raise
            folder.empty()
    raise AssertionError("the last attempt returns or raises")


async def start_services(crew: Crew, nodes: Iterable[NodeLayout]) -> None:
    """Start every service of *nodes*."""
    await asyncio.gather(*(crew.start(node, each) for node in nodes for each in node.services))


def health_of(
    crew: Crew, nodes: Iterable[NodeLayout]
) -> tuple[dict[str, Probe], tuple[Child, ...]]:
    """Say how to ask the services of *nodes* that were started, and which must not end."""
    ports = {
        (str(node.name), service): port for node in nodes for service, port in node.services.items()
    }
    started = {key: port for key, port in ports.items() if key in crew.members}
    return awaited(crew, {key: http_probe(port, "/readyz") for key, port in started.items()})


async def _start(options: SiteOptions, folder: Folder, undo: AsyncExitStack) -> Crew:
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
    nursery = await Nursery.start(plan.logs / "nursery.log")
    undo.push_async_callback(nursery.close)
    if folder.temporary:
        nursery.remove_at_end(folder.path)
    crew = Crew(plan, nursery, binaries.find_nats_server(), postgresql)
    undo.push_async_callback(crew.stop)
    if options.watch:
        options.watch(crew)
    await _start_everything(crew, options.patience_seconds, is_new=kept is None)
    return crew


async def _start_everything(crew: Crew, seconds: float, *, is_new: bool) -> None:
    nodes = crew.layout.nodes
    if is_new:
        founding.make_secrets(crew.layout)
        founding.make_keys(crew.layout)
    services = sorted({service for node in nodes for service in node.services})
    imported = asyncio.create_task(
        crew.nursery.preload(f"services.{name}.__main__" for name in services)
    )
    try:
        await _start_and_wait(crew, seconds)
        await imported
    finally:
        imported.cancel()
    _refuse_the_unimportable(crew.nursery)
    if is_new:
        await founding.found(crew)
    await start_services(crew, nodes)
    try:
        await until(*health_of(crew, nodes), seconds)
    except NotReady:
        if crew.watcher is None:
            raise  # else the site is judged as a whole, by whether there is a primary


async def _start_and_wait(crew: Crew, seconds: float) -> None:
    if crew.layout.links:
        await partition.start(crew, seconds)
    await start_servers(crew, crew.layout.nodes)
    await wait_for_databases(crew, crew.layout.nodes, seconds)
    await wait_for_brokers(crew, seconds)


def _refuse_the_unimportable(nursery: Nursery) -> None:
    for module, why in nursery.refused_imports.items():
        raise StartFailed(f"{module} cannot be imported: {why}")
