"""Whatever the paths do, the bytes at one end are exactly the bytes sent at the other."""

from functools import partial

import pytest

from clients.tunnel.effects import (
    EndCode,
    PathLost,
    PathUp,
    SecretUnknown,
    Secured,
    StreamEffect,
)
from shared.domain.node import Side
from tests.simulation.tunnel.traffic import Traffic
from tests.simulation.tunnel.world import FaultPlan, World

CALM = partial(FaultPlan)
STORMS = {
    "cuts": partial(FaultPlan, cuts_per_second=4.0, refusals=0.2, until=8.0),
    "silence": partial(FaultPlan, silences_per_second=0.5, until=12.0),
    "both": partial(
        FaultPlan, cuts_per_second=1.0, silences_per_second=0.3, refusals=0.5, until=15
    ),
    "far": partial(FaultPlan, latency_seconds=0.2, cuts_per_second=0.7, until=15.0),
}


def meet(world: World) -> None:
    for end in world.ends:
        end.offer(1, 2, 3)


def settle(world: World, traffic: Traffic) -> None:
    complete = world.run(lambda: traffic.is_complete, seconds=300)
    assert complete, [end.tunnel.describe() for end in world.ends]


def close(world: World) -> None:
    world.run(lambda: not world.is_bad(), seconds=60)
    world.run(lambda: False, seconds=10)
    assert all(end.is_up for end in world.ends), "no path after the storm"
    world.representative.perform(world.representative.tunnel.close("done", world.now))
    assert world.run(lambda: all(end.ended for end in world.ends), seconds=10)


@pytest.mark.parametrize("storm", STORMS)
@pytest.mark.parametrize("seed", range(12))
def test_every_byte_arrives_once_and_in_order(storm: str, seed: int) -> None:
    world = World(seed, STORMS[storm]())
    traffic = Traffic(world, streams=4, most_bytes=3_000_000)
    meet(world)
    settle(world, traffic)
    close(world)
    assert {end.ended.code for end in world.ends if end.ended} == {EndCode.CLOSED}
    assert [len(end.effects_of(Secured)) for end in world.ends] == [1, 1]
    assert all(len(end.tunnel.streams) == 0 for end in world.ends)


def test_a_storm_does_break_paths() -> None:
    world = World(1, STORMS["cuts"]())
    traffic = Traffic(world, streams=4, most_bytes=3_000_000)
    meet(world)
    settle(world, traffic)
    assert len(world.representative.effects_of(PathLost)) >= 5
    assert len(world.customer.effects_of(PathUp)) >= 5


def test_a_calm_world_needs_one_path() -> None:
    world = World(2, CALM())
    traffic = Traffic(world, streams=8, most_bytes=6_000_000)
    meet(world)
    settle(world, traffic)
    assert all(
        len(end.effects_of(PathUp)) == 1 and not end.effects_of(PathLost) for end in world.ends
    )
    close(world)


@pytest.mark.parametrize("seed", range(8))
def test_new_paths_are_taken_while_the_old_one_carries(seed: int) -> None:
    world = World(seed, CALM())
    traffic = Traffic(world, streams=3, most_bytes=8_000_000)
    meet(world)
    assert world.run(lambda: traffic.bytes_received > 100_000, seconds=60)
    for end in world.ends:
        end.offer(4, 5)
    settle(world, traffic)
    for end in world.ends:
        ups = [up for up in end.effects_of(PathUp) if isinstance(up, PathUp)]
        assert [up.generation for up in ups] == [1, 4]
        assert not end.effects_of(PathLost)


@pytest.mark.parametrize("seed", range(8))
def test_other_words_end_the_customers_end_and_never_carry_a_byte(seed: int) -> None:
    world = World(seed, CALM(), words=("right-words", "wrong-words"))
    traffic = Traffic(world, streams=1, most_bytes=1000)
    meet(world)
    assert world.run(lambda: world.customer.ended is not None, seconds=30)
    assert world.customer.ended is not None
    assert world.customer.ended.code is EndCode.WRONG_WORDS
    assert world.representative.ended is None
    assert len(world.representative.differences) == 1
    assert traffic.bytes_received == 0


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("seed", range(4))
def test_a_restarted_end_is_noticed_at_both_ends_and_carries_no_byte(side: Side, seed: int) -> None:
    world = World(seed, CALM())
    traffic = Traffic(world, streams=2, most_bytes=8_000_000)
    meet(world)
    assert world.run(lambda: traffic.bytes_received > 100_000, seconds=60)
    (killed,) = [end for end in world.ends if end.side is side]
    (stayed,) = [end for end in world.ends if end.side is not side]
    world.kill(killed)
    assert world.run(lambda: not stayed.is_up, seconds=10)

    again = world.restart(side)
    again.offer(1, 2, 3)

    assert world.run(lambda: again.ended is not None, seconds=30)
    assert again.ended is not None
    assert again.ended.code is EndCode.SECURED_ELSEWHERE
    assert world.run(lambda: bool(stayed.effects_of(SecretUnknown)), seconds=10)
    assert stayed.ended is None
    assert again.effects_of(PathUp) == []


@pytest.mark.parametrize("seed", range(4))
def test_streams_that_broke_while_there_was_no_path_are_broken_at_the_other_end_after_it(
    seed: int,
) -> None:
    world = World(seed, CALM())
    streams = [world.representative.tunnel.streams.open() for _ in range(3)]
    resets: list[StreamEffect] = []
    world.customer.program.on_stream = resets.append
    meet(world)
    assert world.run(lambda: len(world.customer.tunnel.streams) == 3, seconds=60)
    for connection in [each for each in world.connections if each.is_open]:
        world.cut(connection)
    assert world.run(lambda: not world.representative.is_up, seconds=10)
    resets.clear()

    broken = world.representative.tunnel.streams.break_all("it took too long")
    world.representative.flush()

    assert [each.stream for each in broken] == streams
    assert world.run(lambda: len(resets) == 3, seconds=30)
    assert resets == broken
    assert len(world.customer.tunnel.streams) == len(world.representative.tunnel.streams) == 0
