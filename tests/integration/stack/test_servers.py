# pyright: reportUnknownMemberType=false
"""NATS and PostgreSQL as a site starts them, killed and brought back; who may read what."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg
import nats as nats_client
import psutil
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig, StreamConfig

from stack import binaries, folder, layout, nats, postgres
from stack.damage import Damage
from stack.failure import StartFailed
from stack.layout import Layout
from stack.ports import HOST, reserve
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.processes import ForkServerClient
from stack.servers import start_servers, wait_for_brokers, wait_for_databases

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 30.0
T = TypeVar("T")


def prepare(plan: Layout) -> None:
    """Make what NATS and PostgreSQL need, and nothing of a service."""
    plan.state.chmod(0o711)
    for each in ("logs", "secrets", "nats", "postgres"):
        (plan.state / each).mkdir(mode=0o711)
    nats.make_secrets(plan)
    postgres.make_secrets(plan)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processes() -> AsyncGenerator[ProcessGroup]:
    place = folder.take_folder(None)
    block = reserve()
    plan = layout.plan("test.example", place.path, block.guard, block.take)
    prepare(plan)
    fork_server = await ForkServerClient.start(plan.logs / "fork_server.log")
    processes = ProcessGroup(
        plan, fork_server, binaries.find_nats_server(), binaries.find_postgres(place.path)
    )
    await start_servers(processes, plan.nodes)
    await wait_for_databases(processes, plan.nodes, SECONDS)
    await wait_for_brokers(processes, SECONDS)
    yield processes
    late = await processes.stop()
    await fork_server.close()
    block.close()
    place.release()
    assert late == ()


@asynccontextmanager
async def connected(plan: Layout, user: str, node: str = "witness") -> AsyncGenerator[Client]:
    server = plan.node(node).nats
    assert server is not None
    client = await nats_client.connect(
        f"nats://{HOST}:{server.client}",
        user=user,
        password=plan.secret(nats.secret_name(user)).read_text(),
        inbox_prefix=b"_INBOX." + user.encode(),
        error_cb=_quiet,
    )
    try:
        yield client
    finally:
        await client.close()


async def _quiet(_error: Exception) -> None:
    """Permission errors arrive here; the calls themselves time out."""


async def refused(client: Client, subject: str) -> None:
    """The server has said that *client* may not listen to *subject*."""
    assert subject in str(client.last_error)


async def query(plan: Layout, node: str, sql: str) -> object:
    connection = await asyncpg.connect(postgres.url(plan, plan.node(node)))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat what JetStream does not answer while an election goes on."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(Exception):
                return await call()
            await asyncio.sleep(0.1)


async def with_stream(client: Client, name: str) -> None:
    """Make a replicated stream."""
    subject = "meridian.event.>" if name == "EVENTS" else f"test.{name}"
    config = StreamConfig(name=name, subjects=[subject], num_replicas=3)
    await patiently(lambda: client.jetstream().add_stream(config))


async def store(client: Client, name: str) -> None:
    """Store one message, and only one however often it is tried."""
    once = {"Nats-Msg-Id": name}
    await patiently(lambda: client.jetstream().publish(f"test.{name}", name.encode(), headers=once))


async def messages(client: Client, name: str) -> int:
    """How many messages a stream holds."""
    info = await patiently(lambda: client.jetstream().stream_info(name))
    return info.state.messages


async def test_both_databases_are_there_and_each_is_its_own(processes: ProcessGroup) -> None:
    for master in processes.layout.masters:
        version = await query(processes.layout, master.name, "show server_version")
        assert str(version).startswith("16.")
        assert await query(processes.layout, master.name, "show fsync") == "on"
    await query(processes.layout, "alpha", "create table only_here (n int)")
    assert await query(processes.layout, "bravo", "select to_regclass('only_here')") is None


async def test_a_database_lets_nobody_in_without_the_password(processes: ProcessGroup) -> None:
    port = processes.layout.node("alpha").postgres
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://meridian:guess@{HOST}:{port}/postgres")


async def test_postgresql_never_runs_as_root(processes: ProcessGroup) -> None:
    for child in (*processes.of("alpha", POSTGRES), *processes.of("bravo", POSTGRES)):
        assert psutil.Process(child.pid).uids().effective != 0


async def test_the_servers_form_one_cluster_with_replicated_streams(
    processes: ProcessGroup,
) -> None:
    async with connected(processes.layout, nats.SERVICE_USER) as client:
        await with_stream(client, "THREE")
        info = await patiently(lambda: client.jetstream().stream_info("THREE"))
        assert info.cluster is not None
        members = {info.cluster.leader, *(peer.name for peer in info.cluster.replicas or ())}
        assert members == {"alpha", "bravo", "witness"}


async def test_the_reader_consumes_events_and_writes_nothing(processes: ProcessGroup) -> None:
    async with connected(processes.layout, nats.SERVICE_USER) as service:
        await with_stream(service, "EVENTS")
        await service.jetstream().publish("meridian.event.failover.primary_changed", b"news")
        async with connected(processes.layout, nats.EVENTS_USER) as reader:
            stream = reader.jetstream()
            subscription = await stream.pull_subscribe("meridian.event.>", stream="EVENTS")
            # A consumer that was just made is not known to every server: some answer 503.
            (message,) = await patiently(lambda: subscription.fetch(1, timeout=SECONDS))
            assert message.data == b"news"
            await message.ack()
            for subject in ("meridian.event.failover.primary_changed", "meridian.config.propose"):
                with pytest.raises((NatsTimeoutError, asyncio.TimeoutError)):
                    await reader.request(subject, b"forged", timeout=0.3)
        assert await messages(service, "EVENTS") == 1


async def test_the_reader_sees_no_other_stream_and_no_request(processes: ProcessGroup) -> None:
    async with (
        connected(processes.layout, nats.SERVICE_USER) as service,
        connected(processes.layout, nats.EVENTS_USER) as reader,
    ):
        heard = await reader.subscribe("meridian.config.propose")
        await patiently(lambda: refused(reader, "meridian.config.propose"))
        await service.publish("meridian.config.propose", b"a secret")
        await service.flush()
        with pytest.raises(NatsTimeoutError):
            await heard.next_msg(timeout=0.3)
        create = "$JS.API.CONSUMER.CREATE.THREE"
        request = {"stream_name": "THREE", "config": ConsumerConfig(ack_policy=None).as_dict()}
        with pytest.raises((NatsTimeoutError, asyncio.TimeoutError)):
            await reader.request(create, json.dumps(request).encode(), timeout=0.3)


async def test_the_system_user_sees_the_servers_and_the_site_does_not(
    processes: ProcessGroup,
) -> None:
    async with connected(processes.layout, nats.SYSTEM_USER) as system:
        answer = await system.request("$SYS.REQ.SERVER.PING.IDZ", b"", timeout=5)
        assert json.loads(answer.data)["name"] in {"alpha", "bravo", "witness"}
    async with connected(processes.layout, nats.SERVICE_USER) as service:
        with pytest.raises(Exception, match=r"(?i)no responders|timeout"):
            await service.request("$SYS.REQ.SERVER.PING.IDZ", b"", timeout=0.3)


async def test_a_killed_master_comes_back_with_what_it_had(processes: ProcessGroup) -> None:
    plan, damage = processes.layout, Damage(processes)
    await query(plan, "bravo", "create table kept as select 7 as n")
    async with connected(plan, nats.SERVICE_USER) as client:
        await with_stream(client, "KEPT")
        await store(client, "KEPT")
    await damage.kill_master("bravo")
    assert ("bravo", NATS) not in processes.members
    with pytest.raises(OSError, match=r"(?i)refused|connect"):
        await query(plan, "bravo", "select 1")
    bravo = [plan.node("bravo")]
    await start_servers(processes, bravo)
    await wait_for_databases(processes, bravo, SECONDS)
    await wait_for_brokers(processes, SECONDS)
    assert await query(plan, "bravo", "select n from kept") == 7
    async with connected(plan, nats.SERVICE_USER, "bravo") as client:
        assert await messages(client, "KEPT") == 1


async def test_a_pid_that_another_process_got_keeps_no_database_from_starting(
    processes: ProcessGroup,
) -> None:
    plan, damage = processes.layout, Damage(processes)
    await damage.kill_service("bravo", POSTGRES)
    data = plan.postgres_folder(plan.node("bravo").name) / "data"
    await no_process_in(data)
    user = processes.postgres.user  # PostgreSQL looks at processes of its own user alone
    other = await asyncio.create_subprocess_exec("sleep", "60", user=user and user[0])
    try:
        pid_file = data / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(other.pid), *rest]))
        await processes.start(plan.node("bravo"), POSTGRES)
        await wait_for_databases(processes, [plan.node("bravo")], SECONDS)
        assert await query(plan, "bravo", "select 1") == 1
    finally:
        other.kill()
        await other.wait()


async def no_process_in(data: Path) -> None:
    """Wait until the last backend of a killed database has ended."""
    async with asyncio.timeout(SECONDS):
        while any(works_in(process, data) for process in psutil.process_iter()):
            await asyncio.sleep(0.05)


def works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder
    except psutil.Error:
        return False


async def test_a_server_that_was_wiped_is_given_everything_again(processes: ProcessGroup) -> None:
    plan, damage = processes.layout, Damage(processes)
    async with connected(plan, nats.SERVICE_USER, "bravo") as client:
        await with_stream(client, "GIVEN")
        await store(client, "GIVEN")
    await damage.kill_service("witness", NATS)
    nats.wipe(plan, plan.witness)
    await start_servers(processes, [plan.witness])
    await wait_for_brokers(processes, SECONDS)
    async with connected(plan, nats.SERVICE_USER) as client:
        assert await messages(client, "GIVEN") == 1


async def test_a_frozen_database_answers_again_when_it_is_thawed(processes: ProcessGroup) -> None:
    damage = Damage(processes)
    damage.freeze("alpha", POSTGRES)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await query(processes.layout, "alpha", "select 1")
    damage.thaw("alpha", POSTGRES)
    assert await query(processes.layout, "alpha", "select 1") == 1


async def test_what_does_not_run_cannot_be_killed(processes: ProcessGroup) -> None:
    with pytest.raises(StartFailed, match="alpha does not run relay"):
        await Damage(processes).kill_service("alpha", "relay")
    with pytest.raises(StartFailed, match="witness is no master"):
        await Damage(processes).kill_master("witness")
    with pytest.raises(StartFailed, match=r"alpha\.nats is running already"):
        await processes.start(processes.layout.node("alpha"), NATS)


async def test_the_logs_are_one_file_a_process(processes: ProcessGroup) -> None:
    names = {path.name for path in processes.layout.logs.iterdir()}
    assert names >= {"alpha.nats.log", "bravo.nats.log", "witness.nats.log", "alpha.postgres.log"}
