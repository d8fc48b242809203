"""Programs that people really use, through sessions: they need not know that there is one."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from stack import postgres
from stack.binaries import find_postgres
from stack.demo.programs import RunningProgram, make_file, meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.site import Site
from tests.programs import require_program
from tests.system.people import signed_in, until
from tests.system.secure_shell import SecureShell, serving

MEBIBYTE = 1 << 20
FILE_BYTES = 100 * MEBIBYTE
FILES = 150
ROWS = 60_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shell(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SecureShell]:
    async with serving(tmp_path_factory.mktemp("ssh") / "server") as shell:
        yield shell


@dataclass
class Shared:
    """A session whose customer's end waits for a program of the representative's."""

    key: str
    end: RunningProgram

    async def node(self) -> str:
        return str((await self.end.wait_for("connected"))["node"])

    @property
    def resumptions(self) -> int:
        return sum(each.get("event") == "resumed" for each in self.end.events())


@asynccontextmanager
async def sharing(port: int, env: dict[str, str]) -> AsyncGenerator[Shared]:
    key = str(json.loads(await run(*meridian("session", "open", "--json"), env=env))["key"])
    share = meridian("share", f"127.0.0.1:{port}", "--key", key, "--yes", "--json")
    end = await RunningProgram.start("meridian share", *share, env=env)
    try:
        await end.wait_for("joined")
        yield Shared(key, end)
    finally:
        await end.stop()


@asynccontextmanager
async def losing_its_node(site: Site, node: str, begun: Callable[[], bool]) -> AsyncGenerator[None]:
    """Kill the traffic node *node* once *begun*, and bring it back after the block."""
    await until(begun)
    await site.kill_node(node)
    try:
        yield
    finally:
        await site.start_node(node)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.timeout(240)
async def test_ssh_gives_a_shell_and_its_exit_code(
    site: Site, shell: SecureShell, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with sharing(shell.port, env) as shared:
        ssh = (require_program("ssh"), *shell.through(shared.key), shell.address)
        program = await RunningProgram.start("ssh", *ssh, "echo $((6 * 7)); exit 5", env=env)
        code, output = await program.finished()
        assert code == 5, output
        assert "42" in output.splitlines()


@pytest.mark.timeout(240)
async def test_scp_of_a_hundred_mebibytes_survives_the_kill_of_its_traffic_node(
    site: Site, shell: SecureShell, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    sent, received = tmp_path / "sent", tmp_path / "received"
    digest = make_file(sent, FILE_BYTES)
    async with sharing(shell.port, env) as shared:
        target = f"{shell.address}:{received}"
        scp = (require_program("scp"), *shell.through(shared.key), str(sent), target)
        copying = await RunningProgram.start("scp", *scp, env=env)
        node = await shared.node()
        async with losing_its_node(site, node, lambda: size(received) > MEBIBYTE):
            assert size(received) < FILE_BYTES, "the node died in the middle"
            code, output = await copying.finished()
            assert code == 0, output
        assert shared.resumptions >= 1
    assert checksum(received) == digest


@pytest.mark.timeout(240)
async def test_rsync_brings_a_folder_over(site: Site, shell: SecureShell, tmp_path: Path) -> None:
    env = await signed_in(site, tmp_path)
    here, there = tmp_path / "here", tmp_path / "there"
    for number in range(FILES):
        path = here / f"folder {number % 7}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 700))
    rsync, ssh = require_program("rsync"), require_program("ssh")
    async with sharing(shell.port, env) as shared:
        remote = " ".join(f"'{word}'" for word in (ssh, *shell.through(shared.key)))
        await run(rsync, "-a", "-e", remote, f"{here}/", f"{shell.address}:{there}/", env=env)
    found = {path.relative_to(there): path.read_bytes() for path in there.rglob("file *")}
    assert len(found) == FILES
    assert all((here / name).read_bytes() == content for name, content in found.items())


@pytest.mark.timeout(240)
async def test_psql_reads_a_long_answer_over_the_kill_of_its_traffic_node(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    database = site.layout.node("bravo")
    file = tmp_path / "rows"
    carried = await Carried.open(database.postgres, free_port(), env)
    try:
        url = postgres.url(site.layout, database).replace(f":{database.postgres}/", ":{}/")
        query = f"select n, repeat(md5(n::text), 30) from generate_series(1, {ROWS}) n"
        psql = (str(find_postgres(site.layout.state).program("psql")), "-XAtq", "-o", str(file))
        reading = await RunningProgram.start(
            "psql", *psql, "-c", query, url.format(carried.port), env=env
        )
        async with losing_its_node(site, carried.node, lambda: carried.alive):
            code, output = await reading.finished()
            assert code == 0, output
        assert carried.alive
    finally:
        await carried.stop()
    rows = await asyncio.to_thread(file.read_text)
    wanted = (f"{n}|{hashlib.md5(str(n).encode()).hexdigest() * 30}" for n in range(1, ROWS + 1))
    assert all(got == want for got, want in zip(rows.splitlines(), wanted, strict=True))
