"""The supervisor over real processes: each ends in its own way, and is started again or not."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from stack.binaries import Postgres
from stack.layout import NodeLayout, plan
from stack.process_group import ProcessGroup
from stack.processes import ForkServerClient, Program
from stack.supervisor import Supervisor

pytestmark = pytest.mark.integration

MODULE = "tests.integration.stack.children"
RELAY = ("berlin", "relay")
REPLICATION = ("berlin", "replication")


@dataclass(eq=False)
class Small(ProcessGroup):
    """A process group whose services are children that behave as *ways* says."""

    ways: dict[str, str] = field(default_factory=dict[str, str])

    def program(self, node: NodeLayout, service: str) -> Program:
        return Program(
            name=f"{node.name}.{service}",
            arguments=(service, self.ways.get(service, "wait")),
            environment={"PATH": "/usr/bin:/bin"},
            log=self.layout.log(node.name, service),
            folder=self.layout.state,
            module=MODULE,
        )


@dataclass
class Watch:
    processes: Small
    supervisor: Supervisor
    lines: list[str]

    def pid(self, process: tuple[str, str]) -> int:
        child = self.processes.members.get(process)
        return child.pid if child is not None and child.is_running else 0

    async def says(self, words: str) -> str:
        await eventually(lambda: any(words in line for line in self.lines))
        return next(line for line in self.lines if words in line)


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def watch(tmp_path: Path) -> AsyncGenerator[Watch]:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    layout.logs.mkdir()
    fork_server = await ForkServerClient.start(tmp_path / "fork_server.log")
    processes = Small(layout, fork_server, Path("nats-server"), Postgres(Path("bin"), None))
    lines = list[str]()
    supervisor = Supervisor(lines.append)
    supervisor.attach(processes)
    task = asyncio.create_task(supervisor.run())
    for service in layout.node("berlin").services:
        await processes.start(layout.node("berlin"), service)
    yield Watch(processes, supervisor, lines)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await fork_server.close()


async def test_a_killed_process_comes_back_as_another_one(watch: Watch) -> None:
    before = watch.pid(RELAY)
    os.kill(before, signal.SIGKILL)
    await watch.says("berlin.relay was ended by SIGKILL")
    await eventually(lambda: watch.pid(RELAY) not in {0, before})
    assert watch.supervisor.restarts(RELAY) == 1
    assert watch.pid(REPLICATION)


async def test_bad_settings_are_not_retried(watch: Watch) -> None:
    await watch.supervisor.kill("berlin", "relay")
    watch.processes.ways["relay"] = "refuse"
    await watch.supervisor.start("berlin", "relay")
    assert "not started again: its settings" in await watch.says("ended with code 2")
    assert watch.pid(RELAY) == 0


async def test_a_process_that_ends_again_and_again_is_given_up(watch: Watch) -> None:
    watch.processes.ways["relay"] = "break"
    os.kill(watch.pid(RELAY), signal.SIGTERM)
    line = await watch.says("crash loop")
    assert "ended with code 1" in line
    log = watch.processes.layout.log("berlin", "relay")
    assert f"{log}:{len(log.read_text().splitlines())}" in line, "where its log ends"
    assert watch.pid(RELAY) == 0
    assert watch.pid(REPLICATION), "the rest goes on"


async def test_what_was_killed_on_purpose_stays_ended_until_it_is_started(watch: Watch) -> None:
    before = watch.pid(REPLICATION)
    assert await watch.supervisor.kill("berlin", None) == ("berlin.relay", "berlin.replication")
    assert await watch.supervisor.start("berlin", "replication") == ("berlin.replication",)
    assert watch.pid(REPLICATION) not in {0, before}
    assert watch.pid(RELAY) == 0
    assert watch.lines == []
