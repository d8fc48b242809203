"""A whole site as `stack` runs it: it comes up, is broken, is mended and leaves nothing behind."""

import asyncio
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from stack.binaries import anybody_may_enter
from stack.damage import Damage
from stack.failure import StartFailed
from stack.layout import FILE, read
from stack.ports import HOST, PortBlock, reserve
from stack.process_group import NATS, POSTGRES
from stack.site import Site, SiteOptions
from stack.status import ProcessState, survey

UP = (sys.executable, "-m", "clients.cli", "up", "--patience", "60")
SECONDS = 90.0
GATEWAY_PORT = 13
"""Of alpha, counted from the block's first: its services' health comes before them."""


@dataclass
class Shell:
    """A `meridian up` in another process, and what it said so far."""

    process: asyncio.subprocess.Process
    output: list[str] = field(default_factory=list[str])

    async def until(self, words: str) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            async for line in self.process.stdout:
                self.output.append(line.decode().rstrip("\n"))
                if words in self.output[-1]:
                    return self.output[-1]
        raise AssertionError(f"it ended without {words!r}: {self.output}")

    async def rest(self) -> str:
        """All that it says until its end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            return (await self.process.stdout.read()).decode()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def up(*arguments: str, user: int | None = None) -> AsyncGenerator[Shell]:
    process = await asyncio.create_subprocess_exec(
        *(*UP, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
        user=user,
    )
    try:
        yield Shell(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def gone(family: list[psutil.Process], folder: Path | None) -> None:
    """Wait until none of *family* lives and *folder* is no more."""
    async with asyncio.timeout(20):
        while any(is_alive(each) for each in family) or (folder is not None and folder.exists()):
            await asyncio.sleep(0.05)


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def primary_of(site: Site) -> str:
    found = await site.primary()
    assert found is not None
    return found


async def until_primary(site: Site, name: str) -> None:
    async with asyncio.timeout(30):
        while await site.primary() != name:
            await asyncio.sleep(0.05)


async def test_every_process_of_a_site_is_up_and_one_master_is_primary(site: Site) -> None:
    await site.wait_ready(20)
    assert await site.primary() in {"alpha", "bravo"}
    seen = {each.node.name: each.processes for each in await survey(site.processes)}
    states = {process.state for processes in seen.values() for process in processes}
    assert states == {ProcessState.READY, ProcessState.RUNNING}
    assert len(site.processes.running()) == 3 + 2 + 2 * 7 + 3 * 2


async def test_another_shell_finds_the_site_by_its_file(site: Site) -> None:
    assert read(site.layout.state) == site.layout
    document = json.loads((site.layout.state / FILE).read_text())
    assert document["gateway_urls"] == list(site.gateway_urls)
    assert Path(document["ca_file"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert Path(document["admin_password_file"]).read_text().strip() == site.admin_password


async def test_a_service_that_was_killed_is_started_again(site: Site) -> None:
    await site.kill_service("tokyo", "relay")
    with pytest.raises(StartFailed, match="tokyo does not run relay"):
        await site.kill_service("tokyo", "relay")
    await site.start_service("tokyo", "relay")
    await site.wait_ready(20)


async def test_a_traffic_node_that_was_killed_comes_back(site: Site) -> None:
    await site.kill_node("berlin")
    assert site.processes.of("berlin") == ()
    await site.start_node("berlin")
    await site.wait_ready(20)


async def test_the_other_master_takes_over_and_the_killed_one_comes_back_as_backup(
    site: Site,
) -> None:
    primary = await primary_of(site)
    other = ({"alpha", "bravo"} - {primary}).pop()
    await site.kill_master(primary)
    await until_primary(site, other)
    await site.start_master(primary)
    await site.wait_ready(30)
    assert await site.primary() == other


async def test_a_site_whose_control_plane_was_lost_comes_back(site: Site) -> None:
    await site.stop_control_plane()
    assert await site.primary() is None
    assert {child.program.name for child in site.processes.running()} == {
        f"{node}.{service}"
        for node in ("berlin", "denver", "tokyo")
        for service in ("relay", "replication")
    }
    await site.start_control_plane()
    await site.wait_ready(30)


async def test_a_kept_site_comes_back_with_its_ports_keys_and_password(tmp_path: Path) -> None:
    state = Path(f"/var/tmp/{tmp_path.name}-{os.getpid()}")
    try:
        async with Site.start(SiteOptions(state=state)) as first:
            password, layout = first.admin_password, first.layout
        async with Site.start(SiteOptions(state=state)) as again:
            assert (again.admin_password, again.layout) == (password, layout)
            with pytest.raises(StartFailed, match="is running already"):
                async with Site.start(SiteOptions(state=state)):
                    pass
    finally:
        shutil.rmtree(state, ignore_errors=True)


async def test_two_sites_run_beside_each_other(site: Site, own_site: Site) -> None:
    assert own_site.layout.guard != site.layout.guard
    await own_site.wait_ready(20)
    await site.wait_ready(20)
    await Damage(own_site.processes).kill_service("alpha", NATS)
    await own_site.kill_service("alpha", POSTGRES)
    await site.wait_ready(20)


async def test_a_port_that_somebody_takes_during_the_start_is_left_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ExitStack() as taken:

        def unlucky(ports: int) -> PortBlock:
            block = reserve(ports)
            if not guards:
                taken.enter_context(socket.create_server((HOST, block.guard + GATEWAY_PORT)))
            guards.append(block.guard)
            return block

        guards: list[int] = []
        monkeypatch.setattr("stack.start.reserve", unlucky)
        async with Site.start(SiteOptions()) as site:
            assert guards == [guards[0], site.layout.guard]
            assert await site.primary() is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_meridian_up_leaves_nothing_behind_however_it_ends(number: signal.Signals) -> None:
    async with up() as shell:
        folder = Path((await shell.until("starting a site in")).split()[-1])
        ready = re.search(r"is ready after ([0-9.]+) s", await shell.until("is ready after"))
        assert ready is not None
        assert float(ready[1]) < 30
        await shell.until("meridian login admin")
        family = shell.family()
        assert len(family) >= 24
        shell.process.send_signal(number)
        code = await asyncio.wait_for(shell.process.wait(), SECONDS)
        assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
        await gone(family, folder)


async def test_an_interrupted_start_leaves_nothing_behind() -> None:
    async with up() as shell:
        folder = Path((await shell.until("starting a site in")).split()[-1])
        family = shell.family()
        shell.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(shell.process.wait(), SECONDS) == 0
        await gone(family, folder)


MOMENTS = {
    "unfinished": signal.SIGINT,
    "secrets/psk": signal.SIGINT,
    "logs/alpha.nats.log": signal.SIGKILL,
    "logs/alpha.config-init.log": signal.SIGINT,
    "logs/tokyo.relay.log": signal.SIGINT,
}
"""What is there, in this order, when a start is interrupted, and by what."""


def is_newer(path: Path, than_ns: int) -> bool:
    """Whether *path* was made or written since then, and not by an earlier start."""
    try:
        return path.stat().st_ctime_ns >= than_ns
    except FileNotFoundError:
        return False


@pytest.mark.timeout(240)
async def test_a_start_that_ctrl_c_interrupted_at_any_moment_is_begun_anew() -> None:
    state = Path(f"/var/tmp/interrupted-{os.getpid()}")
    try:
        for moment, number in MOMENTS.items():
            began = time.time_ns()
            async with up("--state", str(state)) as shell:
                async with asyncio.timeout(SECONDS):
                    while not is_newer(state / moment, began):
                        assert shell.process.returncode is None, await shell.rest()
                        await asyncio.sleep(0.005)
                family = shell.family()
                shell.process.send_signal(number)
                code = await asyncio.wait_for(shell.process.wait(), SECONDS)
                if number is signal.SIGINT:
                    output = await shell.rest()
                    assert code == 0, (moment, output)
                    assert "Traceback" not in output, (moment, output)
                    await gone(family, None)
            assert not (state / FILE).exists(), moment
        async with up("--state", str(state)) as shell:
            await shell.until("meridian login admin")
            shell.process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(shell.process.wait(), SECONDS) == 0
        assert read(state) is not None
        assert not (state / "unfinished").exists()
    finally:
        shutil.rmtree(state, ignore_errors=True)


async def test_a_file_in_the_place_of_a_folder_is_reported_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        async with up("--state", str(path)) as shell:
            output = await shell.rest()
            assert await shell.process.wait() == 1
        assert (
            output.strip()
            == f"{path} cannot be used: it is a file or lies below one: name a folder"
        )
    assert file.read_text() == "mine"


async def test_a_folder_that_cannot_be_used_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    async with up("--state", str(tmp_path)) as shell:
        await shell.until("holds no complete site")
        assert await shell.process.wait() == 1
    assert [line for line in shell.output if "Traceback" in line] == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(
    not anybody_may_enter(Path(sys.executable).resolve().parent),
    reason="the interpreter lies where root alone may go",
)
async def test_an_ordinary_user_runs_a_site_as_well() -> None:
    account = pwd.getpwnam("nobody")
    async with up(user=account.pw_uid) as shell:
        folder = Path((await shell.until("starting a site in")).split()[-1])
        await shell.until("meridian login admin")
        family = shell.family()
        assert {each.uids().effective for each in family} == {account.pw_uid}
        shell.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(shell.process.wait(), SECONDS) == 0
        await gone(family, folder)
