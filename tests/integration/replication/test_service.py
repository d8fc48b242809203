"""Replication as processes on real servers: they follow, survive, skip, diverge and start anew."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from services.replication.core.snapshot import Snapshot
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import Unavailable
from shared.domain.ids import NodeId
from shared.domain.log import Op, ReplicationMode
from shared.domain.snapshot import SignedSnapshot
from shared.events.replication import FollowerState
from tests.integration.entries import EntryWriter, control, node, put
from tests.integration.replication.members import Members, Watcher, until, watching
from tests.integration.servers import NatsCluster, NatsServer, PostgresServer

pytestmark = pytest.mark.integration

NewDatabase = Callable[[], Awaitable[str]]


@pytest_asyncio.fixture
async def members(
    tmp_path: Path, nats_server: NatsServer, new_database: NewDatabase
) -> AsyncGenerator[Members]:
    members = Members(
        tmp_path, (nats_server.url,), {name: await new_database() for name in ("alpha", "bravo")}
    )
    members.found()
    yield members
    members.close()


@pytest_asyncio.fixture
async def watcher(members: Members) -> AsyncGenerator[Watcher]:
    async with watching(members, replicas=1) as watcher:
        yield watcher


def file_of(members: Members, name: str = "berlin") -> Snapshot:
    """What the traffic node's file holds."""
    path = members.folder / name / "snapshot.json"
    return Snapshot.decode(SignedSnapshot.decode(path.read_bytes()).body)


async def test_masters_and_traffic_nodes_follow_the_log(watcher: Watcher) -> None:
    members = watcher.members
    await watcher.write(put("site", "site", {"name": "x"}), put("node", "berlin", node()))
    for name in ("bravo", "berlin"):
        members.start(name)
        await watcher.until_at(name)
    await watcher.write(put("user", "rita", {"role": "auditor"}, "r1"))
    await watcher.write(control(Op.EPOCH_BEGAN, {"node": "bravo", "mode": "degraded"}), epoch=1)
    for name in ("bravo", "berlin"):
        await watcher.until_at(name)

    found = await watcher.states["bravo"].read()
    assert found.position == members.entry_writer.position
    assert found.mode is ReplicationMode.DEGRADED
    assert [row.kind for row in found.documents] == ["node", "site", "user"]
    kept = file_of(members)
    assert kept.position == members.entry_writer.position
    assert kept.mode is ReplicationMode.DEGRADED
    assert {document.kind for document in kept.documents} == {"node", "site"}


async def test_on_the_primary_what_config_applied_is_found_applied(watcher: Watcher) -> None:
    members = watcher.members
    members.start("alpha")
    await watcher.until_at("alpha")
    for number in range(5):
        end = members.entry_writer.position.sequence
        entry = members.entry_writer.write(put("node", f"n{number}", node()))
        async with watcher.states["alpha"].transaction() as transaction:
            assert await transaction.apply(entry, members.entry_writer.position.sequence)
            await watcher.log.append(entry, end)
        await watcher.until_at("alpha")
    assert (await watcher.states["alpha"].read()).position == members.entry_writer.position


async def test_what_no_master_wrote_is_skipped_by_everybody_alike(watcher: Watcher) -> None:
    members = watcher.members
    for name in ("bravo", "berlin"):
        members.start(name)
        await watcher.until_at(name, 0)
    await watcher.write(put("node", "a", node()))
    stranger = EntryWriter(NodeKey.generate(), position=members.entry_writer.position)
    await watcher.inject(stranger.write(put("node", "evil", node())).encode())
    await watcher.inject(b"noise")
    await watcher.write(put("node", "b", node()))
    for name in ("bravo", "berlin"):
        await watcher.until_at(name)
        # That message 3 is skipped too is said when the minute is over.
        skipped = "message 2 of the log is skipped: no known master"
        assert any(skipped in line for line in members.reported_states(name))
    assert [row.id for row in (await watcher.states["bravo"].read()).documents] == ["a", "b"]
    assert [document.id for document in file_of(members).documents] == ["a", "b"]


async def test_a_master_that_the_log_made_may_write_the_log(watcher: Watcher) -> None:
    members = watcher.members
    key = NodeKey.generate()
    await watcher.write(put("node", "charlie", node("master", key.public_b64)))
    members.start("berlin")
    await watcher.until_at("berlin")
    members.entry_writer.key, members.entry_writer.signer = key, NodeId("charlie")
    await watcher.write(put("node", "denver", node()))
    await watcher.until_at("berlin")
    members.kill("berlin")
    members.start("berlin")
    await watcher.write(put("node", "tokyo", node()))
    await watcher.until_at("berlin")


async def test_sync_now_proves_the_position(watcher: Watcher) -> None:
    members = watcher.members
    members.start("berlin")
    await watcher.write(put("node", "berlin", node()))
    proof = await watcher.sync("berlin")
    assert (proof.revision, proof.hash) == (1, members.entry_writer.position.hash)
    assert proof.state is FollowerState.FOLLOWING
    assert proof.lag == 0


async def test_a_late_joiner_begins_with_a_snapshot(watcher: Watcher) -> None:
    members = watcher.members
    members.start("alpha")
    for number in range(12):
        await watcher.write(put("node", f"n{number}", node(), f"r{number}"))
    await watcher.write(put("user", "rita", {"role": "auditor"}))
    await watcher.until_at("alpha")
    for name in ("bravo", "berlin"):
        members.start(name, MERIDIAN_SNAPSHOT_AFTER="5")
        await watcher.until_at(name)
        assert "began from a snapshot at revision 13" in members.reported_states(name)
    await watcher.write(put("node", "last", node()))
    for name in ("bravo", "berlin"):
        await watcher.until_at(name)

    mine, theirs = [await watcher.states[name].read() for name in ("alpha", "bravo")]
    assert mine == theirs
    async with watcher.states["bravo"].view() as view:
        assert len(await view.requests()) == 12
    assert {document.kind for document in file_of(members).documents} == {"node"}


async def test_without_a_master_that_offers_one_the_log_is_read(watcher: Watcher) -> None:
    members = watcher.members
    for number in range(8):
        await watcher.write(put("node", f"n{number}", node()))
    members.start("berlin", MERIDIAN_SNAPSHOT_AFTER="5")
    await watcher.until_at("berlin")
    assert any("no snapshot" in line for line in members.reported_states("berlin"))


async def test_a_diverged_master_stops_until_it_is_ordered_to_resync(watcher: Watcher) -> None:
    members = watcher.members
    other = EntryWriter(members.entry_writer.key)
    async with watcher.states["bravo"].transaction() as transaction:
        await transaction.apply(
            other.write(put("node", "elsewhere", node())), other.position.sequence
        )
    members.start("alpha")
    await watcher.write(put("node", "berlin", node()))
    await watcher.until_at("alpha")
    members.start("bravo")
    await watcher.until_state("bravo", FollowerState.DIVERGED)
    await watcher.write(put("node", "denver", node()))
    proof = await watcher.sync("bravo")
    assert (proof.state, proof.hash) == (FollowerState.DIVERGED, other.position.hash)

    proof = await watcher.sync("bravo", resync=True)
    assert (proof.state, proof.hash) == (
        FollowerState.FOLLOWING,
        members.entry_writer.position.hash,
    )
    assert [row.id for row in (await watcher.states["bravo"].read()).documents] == [
        "berlin",
        "denver",
    ]
    await watcher.write(put("node", "tokyo", node()))
    await watcher.until_at("bravo")


async def test_a_resync_of_one_that_follows_leaves_it_following(watcher: Watcher) -> None:
    members = watcher.members
    for name in ("alpha", "bravo", "berlin"):
        members.start(name)
        await watcher.until_at(name, 0)
    for number in range(3):
        await watcher.write(put("node", f"n{number}", node()))
        for name in ("alpha", "bravo"):
            await watcher.until_at(name)
        for name in ("bravo", "berlin"):
            proof = await watcher.sync(name, resync=True)
            assert (proof.state, proof.revision) == (FollowerState.FOLLOWING, number + 1)


async def test_a_resync_without_a_master_leaves_the_copy_as_it_was(watcher: Watcher) -> None:
    members = watcher.members
    await watcher.write(put("node", "berlin", node()))
    members.start("berlin")
    await watcher.until_at("berlin")
    with pytest.raises(Unavailable):
        await watcher.sync("berlin", resync=True)
    await watcher.write(put("node", "denver", node()))
    await watcher.until_at("berlin")


async def test_a_traffic_node_keeps_its_file_and_goes_on_when_nats_comes_back(
    watcher: Watcher, nats_server: NatsServer
) -> None:
    members = watcher.members
    members.start("berlin")
    await watcher.write(put("node", "berlin", node()))
    await watcher.until_at("berlin")
    nats_server.kill()
    members.kill("berlin")
    members.start("berlin")
    await until(lambda: any("NATS" in line for line in members.reported_states("berlin")))
    assert members.children["berlin"].poll() is None
    assert file_of(members).position == members.entry_writer.position

    nats_server.start()
    await watcher.write(put("node", "denver", node()))
    await watcher.until_at("berlin")


async def test_a_master_whose_database_comes_back_goes_on(
    watcher: Watcher, postgres: PostgresServer
) -> None:
    members = watcher.members
    members.start("bravo")
    await watcher.write(put("node", "berlin", node()))
    await watcher.until_at("bravo")
    postgres.stop()
    await watcher.write(put("node", "denver", node()))
    postgres.start()
    await watcher.until_at("bravo")


async def test_a_database_of_no_cluster_is_reported(
    members: Members, watcher: Watcher, new_database: NewDatabase
) -> None:
    members.databases["bravo"] = await new_database()
    members.start("bravo")
    with pytest.raises(Unavailable, match="init or join it first"):
        await watcher.sync("bravo")


async def test_followers_survive_the_loss_of_any_server(
    tmp_path: Path, nats_cluster: NatsCluster, new_database: NewDatabase
) -> None:
    members = Members(tmp_path, nats_cluster.urls, {"bravo": await new_database()})
    members.found()
    async with watching(members, replicas=3) as watcher:
        for name in ("bravo", "berlin"):
            members.start(name)
        for server in ("alpha", "bravo", "witness"):
            nats_cluster.servers[server].kill()
            await watcher.write(put("node", f"without-{server}", node()))
            for name in ("bravo", "berlin"):
                await watcher.until_at(name)
            nats_cluster.servers[server].start()
            await until(nats_cluster.servers[server].is_ready)


async def test_a_setting_that_cannot_be_used_is_one_sentence(members: Members) -> None:
    (members.folder / "berlin" / "trust.json").write_text("{")
    members.start("berlin")
    assert members.children["berlin"].wait(20) == 2
    (line,) = members.log_of("berlin").read_text().splitlines()
    assert "names no cluster" in line


async def test_the_progress_is_reported_again_and_again(watcher: Watcher) -> None:
    members = watcher.members
    members.start("berlin")
    for _ in range(2):
        await watcher.until_at("berlin", 0)
        members.progress.clear()
