"""How a primary is made sick that lives on: its disk, its config, its table, its log server.

Nothing is started again by a supervisor while it is sick: what is measured is what the site itself
does about it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Final

from bench.failover.rounds import Blow
from bench.failover.site import Meridian
from stack import disks
from stack.disks import Disk, SiteDisks
from stack.process_group import NATS, POSTGRES
from stack.servers import wait_for_databases
from stack.site import Site, SiteOptions
from stack.table_lock import TableLock, lock_entries

READY_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.2


def disk_full(subject: Meridian, full: SiteDisks) -> Blow:
    """The disk of the primary's database has no free page."""

    async def strike(node: str) -> float:
        return await fill(full.of(node, POSTGRES))

    async def mend(node: str) -> None:
        full.free()
        await revive(subject.site, node)

    return Blow("disk full", strike, mend, has_moved(subject))


def has_moved(subject: Meridian) -> Callable[[str], Awaitable[bool]]:
    """Whether another master than the one that was hurt is primary."""

    async def is_felt(hurt: str) -> bool:
        return await subject.site.primary() not in {None, hurt}

    return is_felt


def config_dead(subject: Meridian, _: SiteDisks | None) -> Blow:
    """SIGSTOP of the primary's config: nobody sees it end, and nobody starts it again."""
    site = subject.site

    async def strike(node: str) -> float:
        site.freeze(node, "config")
        return time.monotonic()

    async def mend(node: str) -> None:
        site.thaw(node, "config")

    return Blow("config dead", strike, mend, has_moved(subject))


def database_locked(subject: Meridian, _: SiteDisks | None) -> Blow:
    """The entries of the log are locked in the primary's database, as an operator's psql may."""
    site, locks = subject.site, dict[str, TableLock]()

    async def strike(node: str) -> float:
        locks[node] = await lock_entries(site.layout, site.layout.node(node))
        return time.monotonic()

    async def mend(node: str) -> None:
        locks.pop(node).release()

    return Blow("database locked", strike, mend, has_moved(subject))


def log_server_out(subject: Meridian, full: SiteDisks) -> Blow:
    """The disk of the log server beside the primary is full, which turns its JetStream off."""
    site = subject.site

    async def strike(node: str) -> float:
        return await fill(full.of(node, NATS))

    async def mend(node: str) -> None:
        full.free()
        await site.kill_service(node, NATS)
        await revive(site, node)
        await _survives_loss(subject)

    async def is_felt(_: str) -> bool:
        return (await subject.check(site.gateway_urls[0])).get("survives_loss") is False

    return Blow("log server out", strike, mend, is_felt)


ON_DISKS: Final[dict[str, Callable[[Meridian, SiteDisks], Blow]]] = {
    "disk full": disk_full,
    "log server out": log_server_out,
}
ELSEWHERE: Final[dict[str, Callable[[Meridian, SiteDisks | None], Blow]]] = {
    "config dead": config_dead,
    "database locked": database_locked,
}
ROUNDS: Final = {"disk full": 1}
"""So many rounds a site lives, where it is less than usual: a master whose disk was full is trusted
again after a minute, and a new site is there sooner."""


def missing(name: str) -> str:
    """Say why this sickness cannot be had here; empty when it can."""
    return disks.missing() if name in ON_DISKS else ""


@contextmanager
def disks_for(name: str) -> Generator[SiteDisks | None]:
    """The disks that a site needs to be made sick in that way; None: it needs none."""
    if name not in ON_DISKS:
        yield None
        return
    masters = ("alpha", "bravo")
    with SiteDisks.mounted(*((masters, ()) if name == "disk full" else ((), masters))) as full:
        yield full


def options(full: SiteDisks | None) -> SiteOptions:
    """A site on those disks."""
    return SiteOptions(patience_seconds=120.0, watch=full.link if full else None)


def blow(name: str, subject: Meridian, full: SiteDisks | None) -> Blow:
    """How the primary of *subject* is made sick."""
    if full is None:
        return ELSEWHERE[name](subject, full)
    return ON_DISKS[name](subject, full)


async def _survives_loss(subject: Meridian) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            found = await subject.check(subject.site.gateway_urls[0])
            if found.get("survives_loss"):
                return
            await asyncio.sleep(LOOK_SECONDS)


async def fill(disk: Disk) -> float:
    """Make *disk* full; the moment when it was."""
    await asyncio.to_thread(disk.fill)
    return time.monotonic()


async def revive(site: Site, node: str) -> None:
    """Start what has ended of *node*, servers first."""
    layout = site.layout.node(node)
    for service in (NATS, POSTGRES, *layout.services):
        child = site.processes.members.get((node, service))
        if child is None or not child.is_running:
            await site.start_service(node, service)
        if service == POSTGRES:
            await wait_for_databases(site.processes, [layout], READY_SECONDS)
