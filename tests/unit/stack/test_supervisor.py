"""The supervisor over a fork server without processes, in virtual time."""

import asyncio
import itertools
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stack import nats, postgres
from stack.binaries import Postgres
from stack.failure import PortTaken, StartFailed
from stack.layout import FILE, plan
from stack.process_group import ProcessGroup
from stack.processes import Child
from stack.readiness import ProbeAnswer
from stack.restarts import NoMoreRestarts, StartAgain
from stack.server_watch import ServerWatch
from stack.start_probes import start_probes
from stack.status import survey
from stack.supervisor import Supervisor, described, processes_of
from tests.fakes.virtual_time import VirtualClock, pause, run, turn
from tests.unit.stack.fork_server_fake import ForkServerFake

RELAY = ("berlin", "relay")
REPLICATION = ("berlin", "replication")


@dataclass
class Watch:
    """A process group of the node berlin, and what its supervisor says."""

    processes: ProcessGroup
    fork_server: ForkServerFake
    supervisor: Supervisor
    lines: list[str] = field(default_factory=list[str])

    async def end(self, process: tuple[str, str], code: int) -> Child:
        """Let *process* end by itself."""
        child = self.processes.members[process]
        child.ended.set_result(code)
        await turn()
        return child

    def runs(self, process: tuple[str, str]) -> bool:
        return process in self.processes.members and self.processes.members[process].is_running


@pytest.fixture
def watched(tmp_path: Path) -> Callable[[], Watch]:
    def made() -> Watch:
        layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
        (tmp_path / "secrets").mkdir()
        (tmp_path / "logs").mkdir()
        nats.make_secrets(layout)
        postgres.make_secrets(layout)
        fork_server, lines = ForkServerFake(), list[str]()
        processes = ProcessGroup(
            layout, fork_server.as_client(), Path("nats-server"), Postgres(Path("bin"), None)
        )
        return Watch(processes, fork_server, Supervisor(lines.append, VirtualClock()), lines)

    return made


@asynccontextmanager
async def at_work(watch: Watch) -> AsyncGenerator[None]:
    watch.supervisor.attach(watch.processes)
    berlin = watch.processes.layout.node("berlin")
    for service in berlin.services:
        await watch.processes.start(berlin, service)
    task = asyncio.create_task(watch.supervisor.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_what_ended_by_itself_is_reported_and_started_again(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        log = watch.processes.layout.log("berlin", "relay")
        log.write_text("one\ntwo\nthree\n")
        async with at_work(watch):
            await watch.end(RELAY, -signal.SIGKILL)
            assert not watch.runs(RELAY)
            assert watch.lines == [
                f"berlin.relay was ended by SIGKILL ({log}:3); it is started again in 0.5 s"
            ]
            await pause(1)
            assert watch.runs(RELAY)
            seen = {str(each.node.name): each.processes for each in await survey(watch.processes)}
            assert {p.service: p.restarts for p in seen["berlin"]}["relay"] == 1

    run(scenario(watched()))


def test_bad_settings_and_a_crash_loop_are_reported_and_the_rest_goes_on(
    watched: Callable[[], Watch],
) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            await watch.end(RELAY, 2)
            for _ in range(3):
                await watch.end(REPLICATION, 1)
                await pause(5)
            assert not watch.runs(RELAY)
            assert not watch.runs(REPLICATION)
            assert "settings cannot be used" in watch.supervisor.given_up(RELAY)
            assert "crash loop" in watch.lines[-1]
            await watch.supervisor.start("berlin", None)
            assert watch.runs(RELAY)
            assert watch.runs(REPLICATION)
            await watch.end(REPLICATION, 1)
            await pause(5)
            assert watch.runs(REPLICATION), "its past ends do not count any more"

    run(scenario(watched()))


def test_what_is_killed_on_purpose_stays_ended_until_it_is_started(
    watched: Callable[[], Watch],
) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            killed = await watch.supervisor.kill("berlin", None)
            assert killed == ("berlin.relay", "berlin.replication")
            await pause(600)
            assert not watch.runs(RELAY)
            assert watch.lines == []
            with pytest.raises(StartFailed, match="berlin does not run anything"):
                await watch.supervisor.kill("berlin", None)
            assert await watch.supervisor.start("berlin", "relay") == ("berlin.relay",)
            with pytest.raises(StartFailed, match="berlin runs relay already"):
                await watch.supervisor.start("berlin", "relay")

    run(scenario(watched()))


def test_what_waits_for_its_restart_can_be_killed_too(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            await watch.end(RELAY, 1)
            assert await watch.supervisor.kill("berlin", "relay") == ("berlin.relay",)
            await pause(600)
            assert not watch.runs(RELAY)

    run(scenario(watched()))


@pytest.mark.parametrize(
    ("node", "service", "why"),
    [
        ("paris", None, "no node 'paris': alpha"),
        ("berlin", "gateway", "berlin has no 'gateway': relay, replication"),
        ("witness", "relay", "witness has no 'relay': nats"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    watched: Callable[[], Watch], node: str, service: str | None, why: str
) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            with pytest.raises(StartFailed, match=why):
                await watch.supervisor.kill(node, service)
            with pytest.raises(StartFailed, match=why):
                await watch.supervisor.start(node, service)

    run(scenario(watched()))


def test_a_process_group_without_a_supervisor_keeps_its_dead(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        await watch.processes.start(watch.processes.layout.node("berlin"), "relay")
        await watch.end(RELAY, 1)
        await pause(600)
        assert not watch.runs(RELAY)

    run(scenario(watched()))


def test_a_site_whose_fork_server_is_gone_is_over(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        watch.supervisor.attach(watch.processes)
        await watch.processes.start(watch.processes.layout.node("berlin"), "relay")
        watch.fork_server.has_ended = True
        working = asyncio.create_task(watch.supervisor.run())
        await watch.end(RELAY, -signal.SIGKILL)
        with pytest.raises(StartFailed, match="fork server process has ended"):
            await working
        assert watch.lines == []

    run(scenario(watched()))


def test_nothing_is_killed_before_there_are_processes() -> None:
    async def scenario() -> None:
        with pytest.raises(StartFailed, match="still starting"):
            await Supervisor(print, VirtualClock()).kill("berlin", None)

    run(scenario())


def test_a_node_is_started_servers_first(watched: Callable[[], Watch]) -> None:
    layout = watched().processes.layout
    assert [service for _, service in processes_of(layout.node("alpha"))][:3] == [
        "nats",
        "postgres",
        "config",
    ]


async def no() -> str | None:
    return "not yet"


async def yes() -> str | None:
    return None


def test_nobody_waits_for_what_is_given_up(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            probes, children = start_probes(watch.processes, {RELAY: no, REPLICATION: yes})
            assert children == (), "an end is the supervisor's affair"
            assert await probes["berlin.relay"]() == "not yet"
            await watch.end(RELAY, 2)
            assert await probes["berlin.relay"]() is None
            assert await probes["berlin.replication"]() is None

    run(scenario(watched()))


def test_a_taken_port_of_a_new_site_fails_its_start_and_that_of_a_kept_one_does_not(
    watched: Callable[[], Watch],
) -> None:
    async def scenario(watch: Watch) -> None:
        async with at_work(watch):
            probes, _ = start_probes(watch.processes, {RELAY: no})
            watch.processes.layout.log("berlin", "relay").write_text("the port is in use\n")
            await watch.end(RELAY, 2)
            with pytest.raises(PortTaken):
                await probes["berlin.relay"]()
            (watch.processes.layout.state / FILE).write_text("{}")
            assert await probes["berlin.relay"]() is None

    run(scenario(watched()))


@pytest.mark.parametrize(
    ("code", "how"),
    [(None, "ended"), (3, "ended with code 3"), (-15, "was ended by SIGTERM"), (-77, "signal 77")],
)
def test_a_line_says_how_a_process_ended(tmp_path: Path, code: int | None, how: str) -> None:
    line = described(RELAY, code, tmp_path / "none", StartAgain(2.0))
    assert how in line
    assert line.endswith("(it has no log); it is started again in 2 s")
    assert described(RELAY, code, tmp_path / "none", NoMoreRestarts("x")).endswith("again: x")


def test_a_log_server_that_is_out_though_it_runs_is_restarted_and_reported_once(
    watched: Callable[[], Watch],
) -> None:
    async def scenario(watch: Watch) -> None:
        processes, lines = watch.processes, watch.lines
        conditions = {"bravo": ProbeAnswer(503, {"error": "JetStream not enabled (10076)"})}
        by_port = {n.nats.monitor: str(n.name) for n in processes.layout.servers if n.nats}

        async def ask(port: int, path: str) -> ProbeAnswer:
            assert path == "/healthz"
            return conditions.get(by_port[port], ProbeAnswer(200, {}))

        servers = ServerWatch(lines.append, VirtualClock(), ask)
        servers.attach(processes)
        for node in processes.layout.servers:
            await processes.start(node, "nats")
        first = processes.members["bravo", "nats"]
        task = asyncio.create_task(servers.run())
        await pause(30)
        second = processes.members["bravo", "nats"]
        assert second is not first
        assert watch.fork_server.events == ["SIGTERM bravo.nats"]
        conditions.clear()
        await pause(90)
        assert processes.members["bravo", "nats"] is second
        assert [line.split(" (")[0] for line in lines] == [
            "bravo.nats runs, but is out",
            "bravo.nats is well again",
        ]
        task.cancel()

    run(scenario(watched()))


def test_a_server_whose_files_cannot_be_written_runs_on(watched: Callable[[], Watch]) -> None:
    async def scenario(watch: Watch) -> None:
        processes = watch.processes
        alpha = processes.layout.node("alpha")
        running = await processes.start(alpha, "nats")
        file = processes.layout.nats_folder("alpha") / "server.conf"
        file.unlink()
        file.mkdir()
        with pytest.raises(StartFailed, match=r"cannot start: .*server\.conf: Is a directory"):
            await processes.restart(alpha, "nats")
        assert running.is_running
        assert processes.members["alpha", "nats"] is running

    run(scenario(watched()))
