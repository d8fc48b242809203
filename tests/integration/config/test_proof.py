# pyright: reportUnknownMemberType=false
"""Config on a real PostgreSQL that is sick: what it proves meanwhile, and that it is well again."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from services.config.write.acknowledgements import Acknowledgements, BackupPositions
from services.config.write.prover import Prover
from services.config.write.replica import Replica, WritePermission
from services.config.write.writer import Writer
from shared.clusterlog.log import EntrySigner
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch
from shared.domain.timing import LEASE_TIMINGS
from shared.events.failover import MasterGranted
from shared.events.proof import ProveConfig, ServiceProof
from shared.persistence.commit_probe import PROBES_KEPT, CommitProbe
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from shared.runtime.grant import GrantHolder
from stack.folder import take_folder
from tests.fakes.cluster_log import MemoryLink, MemoryLog
from tests.fakes.log_servers import LogServers
from tests.fakes.masters import (
    ALPHA,
    CLUSTER,
    GENERATION,
    KERNEL,
    RecordedEvents,
    first_changes,
    proposal,
)
from tests.integration.entries import EntryWriter
from tests.integration.servers import PostgresServer

pytestmark = pytest.mark.integration

TIMING = LEASE_TIMINGS["local"]
STORE_TIMEOUT_SECONDS = 2 * TIMING.ttl_seconds
WELL_SECONDS = 10.0
AS_ROOT = (
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk that can be filled"),
)


def as_root(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    for mark in AS_ROOT:
        test = mark(test)
    return test


@dataclass
class Config:
    """Config of the primary, over a log in memory: its writer, its prover, its database."""

    writer: Writer
    prover: Prover
    probe: CommitProbe

    async def prove(self) -> ServiceProof:
        return await self.prover.on_prove(ProveConfig(node=ALPHA))

    async def is_well(self) -> bool:
        """Say whether the monitor would call this config fit."""
        proof = await self.prove()
        age = SystemClock().now() - proof.worked_at
        return age < STORE_TIMEOUT_SECONDS and proof.refusals < 3

    async def until(self, condition: Callable[[ServiceProof], bool]) -> ServiceProof:
        async with asyncio.timeout(WELL_SECONDS):
            while not condition(proof := await self.prove()):
                await asyncio.sleep(0.05)
        return proof

    async def until_well(self) -> None:
        began = SystemClock().now()
        await self.until(lambda proof: proof.worked_at > began and not proof.refusals)

    async def write_until_refused(self) -> None:
        """Write until the entries' last page has no room left, and no other page is to be had."""
        for number in range(100):
            await self.write(f"full-{number}")

    async def write(self, request: str) -> None:
        async with asyncio.timeout(WELL_SECONDS):
            await self.writer.propose(proposal(request, f"n{request}"))


@asynccontextmanager
async def config(url: str) -> AsyncGenerator[Config]:
    """Config at work as the primary of epoch 1, on the empty database at *url*."""
    key, servers, clock = NodeKey.generate(), LogServers(), SystemClock()
    masters = {ALPHA: key.public_b64}
    servers.create(GENERATION).put(EntryWriter(key).write(*first_changes(masters, {})).encode())
    pool, trust = Database(url), TrustStore(CLUSTER, GENERATION, dict(masters))
    state, grant = MasterState(pool), GrantHolder(ALPHA, KERNEL)
    permission = WritePermission(grant, clock)
    log = MemoryLog(servers)
    replica = Replica.of(EntrySigner(ALPHA, key), trust, state, log, permission)
    acknowledgements = Acknowledgements(replica, BackupPositions(trust, replica))
    made = Writer(replica, acknowledgements, RecordedEvents())
    prober = CommitProbe(pool)
    prover = Prover(made, state, prober, MemoryLink(log), TIMING)
    assert await state.found(CLUSTER, GENERATION)
    until = clock.now() + 3_600
    grant.offer(MasterGranted(node=ALPHA, epoch=Epoch(1), boot_id=KERNEL, valid_until=until))
    tasks = [asyncio.create_task(made.run()), asyncio.create_task(prover.run())]
    try:
        of = Config(made, prover, prober)
        await of.until(lambda proof: proof.epoch == 1 and proof.worked_at > 0)
        yield of
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Generator[Path]:
    """A disk of its own at *folder*, which a test can fill."""
    folder.mkdir()
    size = f"size={megabytes}m,mode=0711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill *disk* to its last block; the file to remove."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))
    return filler


@contextmanager
def own_server(megabytes: int, *, only_wal: bool = False) -> Generator[tuple[PostgresServer, Path]]:
    """A PostgreSQL with its data, or *only_wal*, on a small disk, and the disk."""
    place = take_folder(None)
    place.path.chmod(0o711)
    try:
        with small_disk(place.path / "disk", megabytes) as disk:
            server = PostgresServer(place.path / "postgres" if only_wal else disk / "postgres")
            server.folder.mkdir()
            server.make()
            if only_wal:
                move_wal(server.folder / "data" / "pg_wal", disk / "pg_wal")
            server.start()
            try:
                yield server, disk
            finally:
                server.stop()
    finally:
        place.release()


def move_wal(wal: Path, to: Path) -> None:
    owner = wal.stat()
    shutil.move(wal, to)
    wal.symlink_to(to)
    for each in (to, *to.rglob("*")):
        os.chown(each, owner.st_uid, owner.st_gid)


@as_root
async def test_on_a_full_disk_an_update_commits_and_neither_probe_nor_append_does() -> None:
    with own_server(160) as (server, disk):
        async with config(server.url()) as primary:
            filler = fill(disk)
            outside = await asyncpg.connect(server.url())
            proof = await primary.until(lambda proof: proof.refusals >= 3)
            assert "No space left on device" in proof.cause
            with pytest.raises(Unavailable, match="No space left on device"):
                await primary.write_until_refused()
            await primary.until(lambda proof: proof.refusals >= 3)
            assert not await primary.is_well()
            await outside.execute("UPDATE cluster_state SET mode = mode")
            await outside.close()
            filler.unlink()
            await primary.write("space")
            await primary.until_well()


async def test_a_lock_on_the_entries_is_silence_and_its_end_is_a_proof(postgres_url: str) -> None:
    async with config(postgres_url) as primary:
        other = await asyncpg.connect(postgres_url)
        async with other.transaction():
            await other.execute("LOCK TABLE log_entry IN EXCLUSIVE MODE")
            locked = SystemClock().now()
            async with asyncio.timeout(WELL_SECONDS):
                while await primary.is_well():
                    await asyncio.sleep(0.05)
            proof = await primary.prove()
            assert (proof.refusals, proof.worked_at < locked + 0.5) == (0, True)
        await other.close()
        await primary.until_well()
        await primary.write("later")


async def test_a_dump_that_reads_every_table_holds_up_no_probe(postgres_url: str) -> None:
    async with config(postgres_url) as primary:
        other = await asyncpg.connect(postgres_url)
        async with other.transaction():
            await other.execute(
                "LOCK TABLE cluster_state, log_entry, document, request, commit_probe"
                " IN ACCESS SHARE MODE"
            )
            for _ in range(PROBES_KEPT + 20):
                await primary.probe.probe_commit()
            assert await rows(other) > PROBES_KEPT, "it is not emptied under a reader"
        await primary.probe.probe_commit()
        assert await rows(other) < 10
        await other.close()


async def test_every_probe_takes_a_page_and_they_are_given_back(postgres_url: str) -> None:
    async with config(postgres_url) as primary:
        other = await asyncpg.connect(postgres_url)
        for _ in range(20):
            await primary.probe.probe_commit()
        pages = await other.fetchval(
            "SELECT pg_relation_size('commit_probe') / current_setting('block_size')::int"
        )
        assert pages == await rows(other)
        largest = 0
        for _ in range(PROBES_KEPT + 50):
            await primary.probe.probe_commit()
            largest = max(largest, await rows(other))
        assert await rows(other) < 100
        assert largest <= PROBES_KEPT
        await other.close()


async def test_a_restart_of_the_database_is_silence_and_no_refusal(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async with config(postgres_url) as primary:
        postgres.stop()
        try:
            await asyncio.sleep(STORE_TIMEOUT_SECONDS + 0.5)
            proof = await primary.prove()
            assert (proof.refusals, await primary.is_well()) == (0, False)
            assert proof.cause
        finally:
            postgres.start()
        await primary.until_well()
        await primary.write("later")


@as_root
async def test_a_full_wal_disk_ends_the_server_and_that_is_no_proof_until_it_runs_again() -> None:
    with own_server(40, only_wal=True) as (server, disk):
        async with config(server.url()) as primary:
            filler = fill(disk)
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await fill_wal(server.url())
            async with asyncio.timeout(WELL_SECONDS):
                while await primary.is_well():
                    await asyncio.sleep(0.05)
            with pytest.raises(Unavailable):
                await primary.write("full")
            filler.unlink()
            server.stop()
            server.start()
            await primary.until_well()
            await primary.write("space")


async def fill_wal(url: str) -> None:
    """Write more than the segment that is open, until the server ends."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute("CREATE TABLE filler (data text)")
        for _ in range(200):
            await connection.execute(
                "INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 500) i",
                timeout=5,
            )
    finally:
        connection.terminate()


async def rows(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    return int(await connection.fetchval("SELECT count(*) FROM commit_probe"))
