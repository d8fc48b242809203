"""The crew: who runs, who is killed with whom, and in which order a site is stopped."""

import itertools
from pathlib import Path

import pytest

from stack import nats, postgres
from stack.binaries import Postgres
from stack.crew import NATS, POSTGRES, Crew
from stack.damage import Damage
from stack.failure import StartFailed
from stack.layout import plan
from stack.status import State, survey
from tests.unit.stack.nursery_fake import NurseryFake


@pytest.fixture
def nursery() -> NurseryFake:
    return NurseryFake()


@pytest.fixture
def crew(tmp_path: Path, nursery: NurseryFake) -> Crew:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    (tmp_path / "secrets").mkdir()
    nats.make_secrets(layout)
    postgres.make_secrets(layout)
    return Crew(layout, nursery.as_nursery(), Path("nats-server"), Postgres(Path("bin"), None))


async def everything(crew: Crew) -> None:
    for node in crew.layout.nodes:
        servers = ([NATS] if node.nats else []) + ([POSTGRES] if node.postgres else [])
        for service in (*servers, *node.services):
            await crew.start(node, service)


async def test_a_service_is_the_main_of_its_module_with_its_environment(crew: Crew) -> None:
    child = await crew.start(crew.layout.node("berlin"), "relay")
    program = child.program
    assert program.module == "services.relay.__main__"
    assert program.arguments == ("relay",)
    assert program.environment["MERIDIAN_NODE"] == "berlin"
    assert program.log == crew.layout.logs / "berlin.relay.log"
    assert program.folder == crew.layout.node_folder("berlin")


async def test_a_verb_of_a_service_is_the_same_program_with_arguments(crew: Crew) -> None:
    program = crew.service_program(crew.layout.node("alpha"), "config", ("init", "--site", "x"))
    assert program.arguments == ("config", "init", "--site", "x")
    assert program.module == "services.config.__main__"


async def test_servers_are_executables(crew: Crew) -> None:
    alpha = crew.layout.node("alpha")
    assert (await crew.start(alpha, NATS)).program.arguments[0] == "nats-server"
    assert (await crew.start(alpha, POSTGRES)).program.arguments[0] == "bin/postgres"


async def test_nothing_is_started_twice(crew: Crew) -> None:
    berlin = crew.layout.node("berlin")
    await crew.start(berlin, "relay")
    with pytest.raises(StartFailed, match=r"berlin\.relay is running already"):
        await crew.start(berlin, "relay")


async def test_what_has_ended_may_be_started_again(crew: Crew, nursery: NurseryFake) -> None:
    berlin = crew.layout.node("berlin")
    nursery.exit_codes["berlin.relay"] = 1
    first = await crew.start(berlin, "relay")
    assert await crew.start(berlin, "relay") is not first


async def test_a_node_is_killed_with_all_that_it_runs_at_once(
    crew: Crew, nursery: NurseryFake
) -> None:
    await everything(crew)
    await Damage(crew).kill_master("bravo")
    killed = [event.removeprefix("SIGKILL ") for event in nursery.events]
    assert set(killed) == {
        "bravo.nats",
        "bravo.postgres",
        *(f"bravo.{service}" for service in crew.layout.node("bravo").services),
    }
    assert crew.of("bravo") == ()


async def test_losing_the_control_plane_leaves_the_traffic_nodes(crew: Crew) -> None:
    await everything(crew)
    await Damage(crew).stop_control_plane()
    assert {child.program.name.split(".")[0] for child in crew.running()} == {
        "berlin",
        "denver",
        "tokyo",
    }


async def test_one_service_is_killed_alone(crew: Crew, nursery: NurseryFake) -> None:
    await everything(crew)
    await Damage(crew).kill_service("alpha", "config")
    assert nursery.events == ["SIGKILL alpha.config"]
    assert len(crew.of("alpha")) == 8


async def test_a_node_is_frozen_and_thawed_whole_or_in_part(
    crew: Crew, nursery: NurseryFake
) -> None:
    await everything(crew)
    damage = Damage(crew)
    damage.freeze("tokyo")
    damage.thaw("tokyo", "relay")
    assert nursery.events == [
        "SIGSTOP tokyo.relay",
        "SIGSTOP tokyo.replication",
        "SIGCONT tokyo.relay",
    ]


async def test_only_a_master_is_killed_as_a_master(crew: Crew) -> None:
    with pytest.raises(StartFailed, match="tokyo is no master"):
        await Damage(crew).kill_master("tokyo")


@pytest.mark.parametrize(("node", "service"), [("alpha", "relay"), ("paris", "relay")])
async def test_what_does_not_run_is_told(crew: Crew, node: str, service: str) -> None:
    with pytest.raises(StartFailed, match=node):
        await Damage(crew).kill_service(node, service)


async def test_services_are_stopped_before_what_they_need(crew: Crew, nursery: NurseryFake) -> None:
    await everything(crew)
    assert await crew.stop() == ()
    ends = [event for event in nursery.events if not event.startswith("SIGCONT")]
    servers = [index for index, event in enumerate(ends) if event.endswith((NATS, POSTGRES))]
    assert servers == list(range(len(ends) - 5, len(ends)))
    assert {event for event in ends if event.endswith(POSTGRES)} == {
        "SIGINT alpha.postgres",
        "SIGINT bravo.postgres",
    }


async def test_what_was_frozen_is_thawed_before_it_is_asked_to_stop(
    crew: Crew, nursery: NurseryFake
) -> None:
    await crew.start(crew.layout.node("berlin"), "relay")
    Damage(crew).freeze("berlin")
    await crew.stop()
    assert nursery.events[1:] == ["SIGCONT berlin.relay", "SIGTERM berlin.relay"]


async def test_who_did_not_listen_is_named(crew: Crew, nursery: NurseryFake) -> None:
    nursery.deaf = frozenset({"berlin.relay"})
    await everything(crew)
    assert [child.program.name for child in await crew.stop()] == ["berlin.relay"]


async def test_a_survey_tells_what_is_absent_running_and_ended(
    crew: Crew, nursery: NurseryFake
) -> None:
    nursery.exit_codes["berlin.relay"] = 1
    ended = await crew.start(crew.layout.node("berlin"), "relay")
    running = await crew.start(crew.layout.node("alpha"), POSTGRES)
    silent = await crew.start(crew.layout.node("tokyo"), "relay")
    seen = {
        f"{each.node.name}.{process.service}": (process.pid, process.state)
        for each in await survey(crew)
        for process in each.processes
    }
    assert seen["berlin.relay"] == (ended.pid, State.ENDED)
    assert seen["alpha.postgres"] == (running.pid, State.RUNNING)
    assert seen["tokyo.relay"] == (silent.pid, State.STARTING)
    assert seen["denver.relay"] == (0, State.ABSENT)
    assert len(seen) == 3 + 2 + 2 * 7 + 3 * 2
