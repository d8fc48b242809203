"""What makes one part of a site sick while the machine lives, and well again.

A disk is full, a process sleeps, a table is locked, a database is restarted. Whatever was begun is
ended by `end`, also when the part has died of it meanwhile.
"""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from stack import postgres
from stack.disks import Disk, SiteDisks, missing, small_disk
from stack.failure import StartFailed
from stack.process_group import NATS, POSTGRES
from stack.servers import wait_for_databases
from stack.site import Site
from stack.table_lock import lock_entries

WAL: Final = "wal"
DISKS: Final = {"disk full": POSTGRES, "WAL disk full": WAL, "log disk full": NATS}
"""What fills a disk, and whose."""

STALLED: Final = ("config", "replication", "gateway")
VERBS: Final = {**dict.fromkeys(DISKS, 2), "stall": 4, "lock": 2, "restart database": 2}
"""How often each happens, against the others."""

SEGMENTS: Final = 12
"""More segments of the WAL than PostgreSQL keeps ready at our size."""

STARTED_SECONDS: Final = 30.0
REFUSALS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def possible() -> dict[str, int]:
    """Those of `VERBS` that this machine allows."""
    without_disks = bool(missing())
    return {verb: share for verb, share in VERBS.items() if not (without_disks and verb in DISKS)}


@contextmanager
def disks_of(masters: tuple[str, ...], servers: tuple[str, ...]) -> Generator[SiteDisks | None]:
    """Disks for a site's databases and log servers; None where there can be none."""
    if missing():
        yield None
        return
    with SiteDisks.mounted(masters, servers) as disks:
        yield disks


@dataclass
class Sickness:
    """At most one sickness at a time; *disks* are None where there can be none."""

    site: Site
    disks: SiteDisks | None
    wal: dict[str, Disk] = field(default_factory=dict[str, Disk])
    _undo: ExitStack = field(default_factory=ExitStack)

    async def begin(self, verb: str, node: str, service: str = "") -> None:
        """Make *node* sick; what is dead already cannot be."""
        match verb:
            case "stall":
                with contextlib.suppress(StartFailed):
                    self.site.freeze(node, service)
                    self._undo.callback(self._thaw, node, service)
            case "lock":
                with contextlib.suppress(*REFUSALS):
                    lock = await lock_entries(self.site.layout, self.site.layout.node(node))
                    self._undo.callback(lock.release)
            case "restart database":
                with contextlib.suppress(StartFailed):
                    child = self.site.processes.of(node, POSTGRES)
                    self.site.processes.fork_server.send(child, signal.SIGINT)
            case "WAL disk full":
                await self._fill(self.wal[node])
                await self._use_up_wal(node)
            case _:
                assert self.disks is not None, "only possible verbs are drawn"
                await self._fill(self.disks.of(node, DISKS[verb]))
                if verb == "log disk full":
                    self._undo.callback(self._restart_log_server, node)

    def end(self) -> None:
        """Let it be over."""
        self._undo.close()

    async def separate_wal(self, stack: ExitStack) -> None:
        """Give the WAL of each master a disk of its own, for as long as *stack* is open."""
        for master in self.site.layout.masters:
            disk = stack.enter_context(small_disk())
            await move_wal(self.site, master.name, disk.folder)
            self.wal[master.name] = disk

    def _thaw(self, node: str, service: str) -> None:
        with contextlib.suppress(StartFailed):
            self.site.thaw(node, service)

    async def _fill(self, disk: Disk) -> None:
        await asyncio.to_thread(disk.fill)
        self._undo.callback(disk.free)

    async def _use_up_wal(self, node: str) -> None:
        """Have the database begin segments until it finds no room for one, which ends it."""
        url = postgres.url(self.site.layout, self.site.layout.node(node))
        with contextlib.suppress(*REFUSALS):
            connection = await asyncpg.connect(url, timeout=STARTED_SECONDS)
            try:
                for _ in range(SEGMENTS):
                    await connection.execute("SELECT pg_current_xact_id(), pg_switch_wal()")
            finally:
                connection.terminate()

    def _restart_log_server(self, node: str) -> None:
        """Let whoever watches the processes restart it: it has turned its JetStream off."""
        with contextlib.suppress(StartFailed):
            child = self.site.processes.of(node, NATS)
            self.site.processes.fork_server.send(child, signal.SIGKILL)


async def move_wal(site: Site, node: str, folder: Path) -> None:
    """Have *node*'s database keep its WAL in *folder* from now on; it is restarted for that."""
    await site.kill_service(node, POSTGRES)
    wal = site.layout.postgres_folder(node) / "data" / "pg_wal"
    await asyncio.to_thread(_move, wal, folder)
    await site.start_service(node, POSTGRES)
    await wait_for_databases(site.processes, [site.layout.node(node)], STARTED_SECONDS)


def _move(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
    shutil.rmtree(source)
    source.symlink_to(target)
