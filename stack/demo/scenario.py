"""The scenario: a site starts, carries two programs, loses its primary and a node, but no byte.

Both programs run while the primary master is killed with its NATS server and PostgreSQL, and
while the traffic node in use is killed after it; somebody changes the configuration all along.
"""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stack.demo.download import Download
from stack.demo.narrator import Narrator
from stack.demo.outcome import Outcome
from stack.demo.programs import RunningProgram, make_file, meridian, run
from stack.demo.session import Carried
from stack.demo.target import Targets, free_port
from stack.demo.writer import ChangeWriter
from stack.site import Site

DOWNLOAD_BYTES: Final = 768 << 20
PGBENCH_SECONDS: Final = 25
FIRST_SHARE: Final = 0.05
"""Part of the download that has arrived when the primary is killed."""

SECOND_SHARE: Final = 0.30
"""Part of the download that has arrived, at the least, when the traffic node is killed."""

PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02
PROCESSED: Final = re.compile(r"transactions actually processed: (\d+)")
FAILED: Final = re.compile(r"failed transactions: (\d+)")


@dataclass
class RunningPrograms:
    """The programs that run while the site loses its parts."""

    database: Carried
    files: Carried
    writer: ChangeWriter
    bench: RunningProgram
    download: Download
    downloading: "asyncio.Task[None]"


@dataclass
class Scenario:
    """One run: the site, a folder to work in, and the outcome."""

    site: Site
    folder: Path
    narrator: Narrator
    outcome: Outcome = field(default_factory=Outcome)

    async def run(self) -> None:
        """Run the whole scenario and judge the outcome.

        Raises:
            RuntimeError: a program did not start, or the scenario came to a halt.
        """
        async with AsyncExitStack() as stack:
            targets = await stack.enter_async_context(Targets.start(self.folder))
            digest = await asyncio.to_thread(make_file, targets.file, DOWNLOAD_BYTES)
            environment = await self._sign_in()
            database, files = await self._open_sessions(targets, environment, stack)
            writer = ChangeWriter(
                self.site.gateway_urls, self.site.ca_file, self.site.admin_password
            )
            stop = asyncio.Event()
            writing = asyncio.create_task(writer.run(stop))
            download = Download(files.port, targets.file.name)
            bench = await RunningProgram.start(
                "pgbench", *targets.pgbench(database.port, PGBENCH_SECONDS)
            )
            downloading = asyncio.create_task(download.run())
            self.narrator.say("pgbench and a download are running; changes are being made")
            programs = RunningPrograms(database, files, writer, bench, download, downloading)
            await self._lose_the_primary(programs)
            await self._lose_a_node(programs)
            await self._compare(programs, digest)
            stop.set()
            await writing
            await self._count(programs)
        self.outcome.judge()

    async def _sign_in(self) -> dict[str, str]:
        environment = {
            "MERIDIAN_HOME": str(self.folder / "home"),
            "MERIDIAN_SITE": ",".join(self.site.gateway_urls),
            "MERIDIAN_CA_FILE": str(self.site.ca_file),
            "MERIDIAN_PASSWORD_FILE": str(self.site.layout.admin_password_file),
        }
        await run(*meridian("login", "admin"), env=environment)
        self.narrator.say("signed in as admin")
        return environment

    async def _open_sessions(
        self, targets: Targets, environment: dict[str, str], stack: AsyncExitStack
    ) -> tuple[Carried, Carried]:
        database, files = await asyncio.gather(
            Carried.open(targets.postgres_port, free_port(), environment),
            Carried.open(targets.http_port, free_port(), environment),
        )
        for name, each in (("PostgreSQL", database), ("a file server", files)):
            stack.push_async_callback(each.stop)
            self.narrator.say(f"session {each.session} carries {name} through {each.node}")
        return database, files

    async def _lose_the_primary(self, programs: RunningPrograms) -> None:
        written = programs.writer.acknowledged
        await _until(lambda: programs.download.share >= FIRST_SHARE and bool(written), programs)
        primary = await self.site.primary()
        if primary is None:
            raise RuntimeError("no master says that it is primary")
        killed_at = time.monotonic()
        await self.site.kill_master(primary)
        self.narrator.say(f"killed {primary}, the primary, with its NATS server and PostgreSQL")
        await _until(lambda: written[-1][1] > killed_at, programs)
        # An answer may have been on its way when the primary died: the first change that was
        # proposed after that is the one that counts.
        after = next(acked for _, proposed, acked in written if proposed > killed_at) - killed_at
        self.outcome.failover_seconds = after
        self.narrator.say(f"changes are accepted again, {after:.2f} s after the kill")

    async def _lose_a_node(self, programs: RunningPrograms) -> None:
        await _until(lambda: programs.download.share >= SECOND_SHARE, programs)
        node = programs.files.node
        pause = programs.download.watch_for_pause()
        await self.site.kill_node(node)
        at = programs.download.share
        self.narrator.say(f"killed {node}, the traffic node in use, at {at:.0%} of the download")
        await _until(
            lambda: bool(programs.files.resumptions) or programs.downloading.done(), programs
        )
        if not programs.files.resumptions:
            raise RuntimeError("the download ended before the path was changed; make it larger")
        arrived = programs.download.arrived
        await _until(
            lambda: programs.download.arrived > arrived or programs.downloading.done(), programs
        )
        programs.download.stop_watching()
        self.outcome.resume_seconds = pause.resumed_after
        self.narrator.say(
            f"the session went on through {programs.files.node}; bytes came again after "
            f"{pause.resumed_after:.2f} s"
        )
        await programs.downloading

    async def _compare(self, programs: RunningPrograms, digest: str) -> None:
        self.outcome.bytes = programs.download.arrived
        self.outcome.sha256_equal = programs.download.digest == digest
        whole = "is whole" if self.outcome.sha256_equal else "is NOT what was sent"
        self.narrator.say(f"the download of {programs.download.arrived >> 20} MiB {whole}")
        code, output = await programs.bench.finished()
        processed, failed = PROCESSED.search(output), FAILED.search(output)
        self.outcome.pgbench_transactions = int(processed[1]) if processed else 0
        self.outcome.pgbench_failed = code != 0 or failed is None or int(failed[1]) > 0
        self.narrator.say(
            f"pgbench did {self.outcome.pgbench_transactions} transactions"
            + (f" and failed: {output}" if self.outcome.pgbench_failed else ", none failed")
        )

    async def _count(self, programs: RunningPrograms) -> None:
        acknowledged = {name for name, _, _ in programs.writer.acknowledged}
        lost = acknowledged - await programs.writer.found()
        self.outcome.changes_acknowledged = len(acknowledged)
        self.outcome.changes_lost = len(lost)
        self.outcome.sessions_lost = sum(
            not each.alive for each in (programs.database, programs.files)
        )
        self.narrator.say(
            f"{len(acknowledged)} changes were acknowledged, {len(lost)} are missing on the new "
            f"primary; {self.outcome.sessions_lost} of 2 sessions lost"
        )


async def _until(condition: Callable[[], bool], programs: RunningPrograms) -> None:
    """Wait for *condition*.

    Raises:
        RuntimeError: it did not come true in time.
        Exception: the download failed meanwhile.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                if programs.downloading.done():
                    programs.downloading.result()
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        output = [*programs.files.connect.lines[-3:], *programs.files.share.lines[-3:]]
        raise RuntimeError(f"the scenario halted; the ends printed last: {output}") from error
