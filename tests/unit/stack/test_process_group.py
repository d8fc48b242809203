"""The process group: who runs, who is killed with whom, and in which order a site is stopped."""

import itertools
from pathlib import Path

import pytest

from stack import nats, postgres
from stack.binaries import Postgres
from stack.damage import Damage
from stack.failure import StartFailed
from stack.layout import plan
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.status import ProcessState, survey
from tests.unit.stack.fork_server_fake import ForkServerFake


@pytest.fixture
def fork_server() -> ForkServerFake:
    return ForkServerFake()


@pytest.fixture
def processes(tmp_path: Path, fork_server: ForkServerFake) -> ProcessGroup:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    (tmp_path / "secrets").mkdir()
    nats.make_secrets(layout)
    postgres.make_secrets(layout)
    return ProcessGroup(
        layout, fork_server.as_client(), Path("nats-server"), Postgres(Path("bin"), None)
    )


async def everything(processes: ProcessGroup) -> None:
    for node in processes.layout.nodes:
        servers = ([NATS] if node.nats else []) + ([POSTGRES] if node.postgres else [])
        for service in (*servers, *node.services):
            await processes.start(node, service)


async def test_a_service_is_the_main_of_its_module_with_its_environment(
    processes: ProcessGroup,
) -> None:
    child = await processes.start(processes.layout.node("berlin"), "relay")
    program = child.program
    assert program.module == "services.relay.__main__"
    assert program.arguments == ("relay",)
    assert program.environment["MERIDIAN_NODE"] == "berlin"
    assert program.log == processes.layout.logs / "berlin.relay.log"
    assert program.folder == processes.layout.node_folder("berlin")


async def test_a_verb_of_a_service_is_the_same_program_with_arguments(
    processes: ProcessGroup,
) -> None:
    program = processes.service_program(
        processes.layout.node("alpha"), "config", ("init", "--site", "x")
    )
    assert program.arguments == ("config", "init", "--site", "x")
    assert program.module == "services.config.__main__"


async def test_servers_are_executables(processes: ProcessGroup) -> None:
    alpha = processes.layout.node("alpha")
    assert (await processes.start(alpha, NATS)).program.arguments[0] == "nats-server"
    assert (await processes.start(alpha, POSTGRES)).program.arguments[0] == "bin/postgres"


async def test_nothing_is_started_twice(processes: ProcessGroup) -> None:
    berlin = processes.layout.node("berlin")
    await processes.start(berlin, "relay")
    with pytest.raises(StartFailed, match=r"berlin\.relay is running already"):
        await processes.start(berlin, "relay")


async def test_what_has_ended_may_be_started_again(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    berlin = processes.layout.node("berlin")
    fork_server.exit_codes["berlin.relay"] = 1
    first = await processes.start(berlin, "relay")
    assert await processes.start(berlin, "relay") is not first


async def test_a_node_is_killed_with_all_that_it_runs_at_once(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    await everything(processes)
    await Damage(processes).kill_master("bravo")
    killed = [event.removeprefix("SIGKILL ") for event in fork_server.events]
    assert set(killed) == {
        "bravo.nats",
        "bravo.postgres",
        *(f"bravo.{service}" for service in processes.layout.node("bravo").services),
    }
    assert processes.of("bravo") == ()


async def test_losing_the_control_plane_leaves_the_traffic_nodes(processes: ProcessGroup) -> None:
    await everything(processes)
    await Damage(processes).stop_control_plane()
    assert {child.program.name.split(".")[0] for child in processes.running()} == {
        "berlin",
        "denver",
        "tokyo",
    }


async def test_one_service_is_killed_alone(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    await everything(processes)
    await Damage(processes).kill_service("alpha", "config")
    assert fork_server.events == ["SIGKILL alpha.config"]
    assert len(processes.of("alpha")) == 8


async def test_a_node_is_frozen_and_thawed_whole_or_in_part(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    await everything(processes)
    damage = Damage(processes)
    damage.freeze("tokyo")
    damage.thaw("tokyo", "relay")
    assert fork_server.events == [
        "SIGSTOP tokyo.relay",
        "SIGSTOP tokyo.replication",
        "SIGCONT tokyo.relay",
    ]


async def test_only_a_master_is_killed_as_a_master(processes: ProcessGroup) -> None:
    with pytest.raises(StartFailed, match="tokyo is no master"):
        await Damage(processes).kill_master("tokyo")


@pytest.mark.parametrize(("node", "service"), [("alpha", "relay"), ("paris", "relay")])
async def test_what_does_not_run_is_reported(
    processes: ProcessGroup, node: str, service: str
) -> None:
    with pytest.raises(StartFailed, match=node):
        await Damage(processes).kill_service(node, service)


async def test_services_are_stopped_before_what_they_need(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    await everything(processes)
    assert await processes.stop() == ()
    ends = [event for event in fork_server.events if not event.startswith("SIGCONT")]
    servers = [index for index, event in enumerate(ends) if event.endswith((NATS, POSTGRES))]
    assert servers == list(range(len(ends) - 5, len(ends)))
    assert {event for event in ends if event.endswith(POSTGRES)} == {
        "SIGINT alpha.postgres",
        "SIGINT bravo.postgres",
    }


async def test_what_was_frozen_is_thawed_before_it_is_asked_to_stop(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    await processes.start(processes.layout.node("berlin"), "relay")
    Damage(processes).freeze("berlin")
    await processes.stop()
    assert fork_server.events[1:] == ["SIGCONT berlin.relay", "SIGTERM berlin.relay"]


async def test_who_did_not_listen_is_named(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    fork_server.deaf = frozenset({"berlin.relay"})
    await everything(processes)
    assert [child.program.name for child in await processes.stop()] == ["berlin.relay"]


async def test_a_survey_shows_what_is_absent_running_and_ended(
    processes: ProcessGroup, fork_server: ForkServerFake
) -> None:
    fork_server.exit_codes["berlin.relay"] = 1
    ended = await processes.start(processes.layout.node("berlin"), "relay")
    running = await processes.start(processes.layout.node("alpha"), POSTGRES)
    silent = await processes.start(processes.layout.node("tokyo"), "relay")
    seen = {
        f"{each.node.name}.{process.service}": (process.pid, process.state)
        for each in await survey(processes)
        for process in each.processes
    }
    assert seen["berlin.relay"] == (ended.pid, ProcessState.ENDED)
    assert seen["alpha.postgres"] == (running.pid, ProcessState.RUNNING)
    assert seen["tokyo.relay"] == (silent.pid, ProcessState.STARTING)
    assert seen["denver.relay"] == (0, ProcessState.ABSENT)
    assert len(seen) == 3 + 2 + 2 * 7 + 3 * 2
