"""The follower at work in memory: what it does when the log is short, away, shortened or silent."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable

import pytest

from services.replication.core.follower import LOG_LOST_SECONDS
from shared.crypto.nodekeys import NodeKey, verify
from shared.domain.errors import BadSignature, LogUnavailable, StoreUnavailable, Unavailable
from shared.domain.ids import LogGeneration, NodeId
from shared.domain.snapshot import Scope
from shared.events.replication import FollowerProgressed, FollowerState, FollowerStateChanged
from tests.integration.entries import EntryWriter, node, put
from tests.unit.replication.memory import BERLIN, World


@pytest.fixture
def world() -> World:
    return World()


async def sync(world: World, *, resync: bool = False) -> FollowerProgressed:
    return await world.following.sync(resync=resync)


async def turns(*tasks: Awaitable[None], count: int = 50) -> None:
    """Let *tasks* run for a while."""
    running = [asyncio.ensure_future(task) for task in tasks]
    for _ in range(count):
        await asyncio.sleep(0)
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def states(world: World) -> list[tuple[FollowerState, FollowerState]]:
    return [
        (event.previous, event.state)
        for event in world.events.kept
        if isinstance(event, FollowerStateChanged)
    ]


async def test_it_reads_to_the_end_and_follows(world: World) -> None:
    world.write("a", "b", "c")
    proof = await sync(world)
    assert (proof.state, proof.revision, proof.lag) == (FollowerState.FOLLOWING, 3, 0)
    assert world.store.applied == [1, 2, 3]
    assert world.health.reasons() == []


async def test_its_position_is_signed_by_its_own_key(world: World) -> None:
    world.write("a")
    proof = await sync(world)
    assert proof.hash == world.entry_writer.position.hash
    assert verify(world.key.public_b64, bytes.fromhex(proof.signature), proof.progress_bytes())


async def test_before_the_copy_was_read_there_is_no_position(world: World) -> None:
    assert world.following.progress() is None


async def test_a_copy_of_no_cluster_waits(world: World) -> None:
    world.store.state.is_founded = False
    with pytest.raises(StoreUnavailable, match="init or join it first"):
        await sync(world)


async def test_a_skipped_message_is_counted_as_refused(world: World) -> None:
    world.write("a")
    stranger = EntryWriter(
        NodeKey.generate(), NodeId("mallory"), position=world.entry_writer.position
    )
    world.intrude(stranger.write(put("node", "evil", node())).encode())
    world.intrude(b"noise")
    world.write("b")
    await sync(world)
    assert world.store.applied == [1, 4]
    assert world.rejections.kept == [
        ("message 2 of the log is skipped: no known master signed it", "unknown"),
        ("message 3 of the log is skipped: it is no log entry", "unknown"),
    ]


async def test_a_master_named_by_an_entry_is_believed_from_then_on(world: World) -> None:
    key = NodeKey.generate()
    charlie = put("node", "charlie", node("master", key.public_b64))
    world.log.put(world.entry_writer.write(charlie).encode())
    world.entry_writer.key, world.entry_writer.signer = key, NodeId("charlie")
    world.write("after")
    await sync(world)
    assert world.store.applied == [1, 2]


async def test_a_traffic_nodes_key_signs_no_entries(world: World) -> None:
    key = NodeKey.generate()
    berlin = put("node", "berlin", node("traffic", key.public_b64))
    world.log.put(world.entry_writer.write(berlin).encode())
    thief = EntryWriter(key, BERLIN, position=world.entry_writer.position)
    world.intrude(thief.write(put("node", "evil", node())).encode())
    await sync(world)
    assert world.store.applied == [1]


async def test_a_short_log_is_lost_only_when_it_stays_short(world: World) -> None:
    world.write("a", "b")
    await sync(world)
    whole, world.log.messages = world.log.messages, []
    with pytest.raises(LogUnavailable, match="does not hold revision 2"):
        await sync(world)
    world.clock.at += LOG_LOST_SECONDS
    assert (await sync(world)).state is FollowerState.LOG_LOST
    assert "log_lost at revision 2" in world.health.reasons()[0]

    world.log.messages = whole
    assert (await sync(world)).state is FollowerState.FOLLOWING
    assert states(world) == [
        (FollowerState.FOLLOWING, FollowerState.LOG_LOST),
        (FollowerState.LOG_LOST, FollowerState.FOLLOWING),
    ]


async def test_a_log_that_is_not_there_is_lost_too(world: World) -> None:
    world.write("a")
    await sync(world)
    world.log.lose()
    with pytest.raises(LogUnavailable):
        await sync(world)
    world.clock.at += LOG_LOST_SECONDS
    assert (await sync(world)).state is FollowerState.LOG_LOST


async def test_a_log_that_does_not_answer_is_never_lost(world: World) -> None:
    world.write("a")
    await sync(world)
    world.log.is_reachable = False
    for _ in range(3):
        world.clock.at += LOG_LOST_SECONDS
        with pytest.raises(LogUnavailable, match="no connection"):
            await sync(world)


async def test_a_copy_goes_on_in_the_generation_that_began_at_its_last_entry(
    world: World,
) -> None:
    world.write("a", "b")
    await sync(world)
    later = world.rebuild()
    later.put(world.entry_writer.write(put("node", "c", node())).encode())

    proof = await sync(world)
    assert (proof.state, proof.log_generation, proof.revision) == (FollowerState.FOLLOWING, 2, 4)
    assert proof.hash == world.entry_writer.position.hash
    assert world.store.applied == [1, 2, 1, 2]
    assert (await sync(world)).revision == 4


async def test_a_copy_behind_a_new_generation_takes_a_snapshot(world: World) -> None:
    world.write("a")
    await sync(world)
    world.write("b")
    world.rebuild()
    world.exchange.ready = world.snapshot()

    proof = await sync(world)
    assert (proof.state, proof.log_generation, proof.revision) == (FollowerState.FOLLOWING, 2, 3)
    assert world.exchange.asked == (Scope.DIRECTORY, 1)


async def test_a_copy_that_has_more_than_a_new_generation_began_with_is_diverged(
    world: World,
) -> None:
    world.write("a", "b")
    await sync(world)
    alone, world.entry_writer.position = world.entry_writer.position, EntryWriter().position
    world.write("a")
    world.rebuild()

    proof = await sync(world)
    assert (proof.state, proof.hash) == (FollowerState.DIVERGED, alone.hash)
    assert "generation 2 of the log began without it" in world.health.reasons()[0]


async def test_what_a_diverged_copy_had_alone_is_kept_before_it_is_replaced(world: World) -> None:
    archive = world.keep_conflicts()
    other = EntryWriter(world.entry_writer.key)
    await world.store.apply(other.write(put("node", "x", node())), other.position.sequence)
    world.write("a", "b")
    await sync(world)
    assert archive.kept == []

    world.exchange.ready = world.snapshot()
    assert (await sync(world, resync=True)).state is FollowerState.FOLLOWING
    assert archive.kept == [(other.position, other.position)]


async def test_a_copy_behind_a_new_generation_may_have_something_alone(world: World) -> None:
    archive = world.keep_conflicts()
    world.write("a")
    await sync(world)
    behind = world.entry_writer.position
    world.write("b")
    world.rebuild()
    world.exchange.ready = world.snapshot()
    await sync(world)
    assert archive.kept == [(behind, behind)]


async def test_a_copy_that_is_the_beginning_of_the_log_has_nothing_alone(world: World) -> None:
    archive = world.keep_conflicts()
    world.write("a")
    await sync(world)
    world.exchange.ready = world.snapshot()
    await sync(world, resync=True)
    assert archive.kept == []


@pytest.mark.parametrize("first", [None, b"noise", "unsigned", "plain"])
async def test_a_stream_that_nobody_began_leads_nobody_away(
    world: World, first: bytes | str | None
) -> None:
    world.write("a")
    await sync(world)
    world.log.lose()
    later = world.log.begin(LogGeneration(2))
    if first == "unsigned":
        first = EntryWriter(position=world.entry_writer.position).begin(2).encode()
    if first == "plain":
        first = world.entry_writer.draft(put("node", "x", node())).encode()
    if isinstance(first, bytes):
        later.put(first)
    world.clock.at += LOG_LOST_SECONDS
    with pytest.raises(LogUnavailable):
        await sync(world)
    world.clock.at += LOG_LOST_SECONDS
    assert (await sync(world)).state is FollowerState.LOG_LOST


async def test_a_log_that_holds_the_last_entry_is_not_left(world: World) -> None:
    world.write("a")
    await sync(world)
    world.log.begin(LogGeneration(2)).put(world.entry_writer.begin(2).encode())
    assert (await sync(world)).log_generation == 1


async def test_another_history_stops_it_and_nothing_of_it_is_applied(world: World) -> None:
    other = EntryWriter(world.entry_writer.key)
    await world.store.apply(other.write(put("node", "x", node())), other.position.sequence)
    world.write("a", "b")
    proof = await sync(world)
    assert (proof.state, proof.hash) == (FollowerState.DIVERGED, other.position.hash)
    assert world.store.applied == [1]
    assert states(world) == [(FollowerState.DETACHED, FollowerState.DIVERGED)]


async def test_noise_at_the_own_position_is_another_history(world: World) -> None:
    world.write("a")
    await sync(world)
    world.log.messages = [b"noise"]
    assert (await sync(world)).state is FollowerState.DIVERGED


async def test_a_resync_mends_a_diverged_copy(world: World) -> None:
    other = EntryWriter(world.entry_writer.key)
    await world.store.apply(other.write(put("node", "x", node())), other.position.sequence)
    world.write("a", "b")
    world.exchange.ready = world.snapshot()
    world.write("c")
    proof = await sync(world, resync=True)
    assert (proof.state, proof.revision) == (FollowerState.FOLLOWING, 3)
    assert world.exchange.asked == (Scope.DIRECTORY, 0)


async def test_a_resync_that_fails_leaves_the_state_as_it_was(world: World) -> None:
    world.write("a")
    await sync(world)
    with pytest.raises(Unavailable, match="nobody answered"):
        await sync(world, resync=True)
    assert world.following.state is FollowerState.FOLLOWING


async def test_far_behind_it_begins_with_a_snapshot() -> None:
    world = World(snapshot_after=3)
    world.write("a", "b", "c", "d")
    world.exchange.ready = world.snapshot()
    world.write("e")
    assert (await sync(world)).revision == 5
    assert world.store.applied == [5]


async def test_a_snapshot_must_not_be_older_than_the_copy() -> None:
    world = World(snapshot_after=2)
    world.write("a")
    await sync(world)
    world.write("b", "c", "d")
    await sync(world)
    assert world.exchange.asked == (Scope.DIRECTORY, 1)


async def test_without_a_snapshot_the_log_is_read() -> None:
    world = World(snapshot_after=2)
    world.write("a", "b", "c")
    assert (await sync(world)).revision == 3
    assert world.store.applied == [1, 2, 3]


async def test_a_message_that_is_gone_makes_it_take_a_snapshot(world: World) -> None:
    world.write("a", "b", "c")
    world.log.discard(1, 2)
    with pytest.raises(Unavailable):
        await sync(world)
    world.exchange.ready = world.snapshot()
    world.write("d")
    assert (await sync(world)).revision == 4
    assert world.store.applied == [4]


async def test_a_message_that_comes_early_lets_the_missed_ones_be_read(world: World) -> None:
    world.write("a", "b", "c")
    await world.applier.begin()
    third = await world.log.get(world.entry_writer.position.sequence)
    assert third is not None
    await world.applier.fetch(third)
    assert world.store.applied == [1, 2, 3]
    await world.applier.fetch(third)
    assert world.store.applied == [1, 2, 3]


async def test_what_config_applied_meanwhile_is_not_applied_again(world: World) -> None:
    world.write("a")
    await sync(world)
    entry = world.entry_writer.write(put("node", "b", node()))
    await world.store.apply(entry, world.entry_writer.position.sequence)
    world.log.put(entry.encode())
    assert (await sync(world)).revision == 2
    assert world.store.applied == [1, 2]


async def test_the_subscription_begins_where_the_reading_ended(world: World) -> None:
    world.write("a", "b")
    await turns(world.following.run(), world.following.listen())
    assert world.following.state is FollowerState.FOLLOWING
    assert world.log.subscriptions == [3]


async def test_it_listens_to_nothing_before_it_stands_on_the_chain(world: World) -> None:
    world.log.is_reachable = False
    await turns(world.following.run(), world.following.listen())
    assert world.log.subscriptions == []
    assert world.following.state is FollowerState.DETACHED
    assert world.health.reasons() == ["log: there is no connection to NATS"]


async def test_what_the_subscription_brings_is_applied(world: World) -> None:
    await sync(world)
    world.write("a", "b")
    await turns(world.following.listen())
    assert world.store.applied == [1, 2]


async def test_a_snapshot_that_is_not_to_be_trusted_does_not_end_the_service(world: World) -> None:
    world.write("a", "b")
    world.log.discard(1)
    world.exchange.refusal = BadSignature("no known master signed the snapshot")
    await turns(world.following.run())
    assert world.health.reasons() == ["log: no known master signed the snapshot"]
    assert ("no known master signed the snapshot", "unknown") in world.rejections.kept


async def test_the_loss_of_the_log_does_not_hide_that_the_copy_diverged(world: World) -> None:
    other = EntryWriter(world.entry_writer.key)
    await world.store.apply(other.write(put("node", "x", node())), other.position.sequence)
    world.write("a")
    await sync(world)
    world.log.is_reachable = False
    await turns(world.following.run())
    assert world.following.state is FollowerState.DIVERGED


async def test_a_subscription_that_fell_silent_is_made_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.log.is_silent = True
    await sync(world)
    listening = asyncio.ensure_future(world.following.listen())
    for name in ("a", "b"):
        await turns()
        assert "fell silent" not in caplog.text
        world.write(name)
        with caplog.at_level(logging.INFO):
            await sync(world)
            await turns()
    listening.cancel()
    assert "fell silent" in caplog.text
    assert world.store.applied == [1, 2]


async def test_progress_is_reported_after_a_move(world: World) -> None:
    world.write("a")
    await sync(world)
    await turns(world.following.report_progress())
    (progress,) = world.publisher.kept
    assert isinstance(progress, FollowerProgressed)
    assert progress.revision == 1


async def test_many_moves_are_reported_as_the_newest(world: World) -> None:
    telling = asyncio.ensure_future(world.following.report_progress())
    for name in ("a", "b", "c"):
        world.write(name)
        await sync(world)
    await turns()
    telling.cancel()
    last = world.publisher.kept[-1]
    assert isinstance(last, FollowerProgressed)
    assert last.revision == 3
    assert len(world.publisher.kept) <= 3
