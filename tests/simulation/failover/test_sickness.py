"""Masters that live and do not work: the role goes where changes are accepted, and stays there."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

import pytest

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, RELUCTANT, REPLICATION
from shared.domain.ids import NodeId
from tests.simulation.failover.acceptance import Acceptance, recovery_bound, takeover_bound
from tests.simulation.failover.faults import NO_FAULTS
from tests.simulation.failover.scenario import (
    PRESETS_BY_CHANCE,
    crash_or_start,
    elect,
    fall_sick,
    freeze,
    new_world,
    slow_disk,
)
from tests.simulation.failover.services import Sickness
from tests.simulation.failover.world import NODES, World

ALPHA, BRAVO = NODES
EVERY_SICKNESS: Final = tuple(Sickness)
SEEDS, AT_A_TIME = 2_000, 100
FAULT_SECONDS: Final = (0.5, 30.0)


def settled_world(seed: int, preset: str = "local") -> World:
    """A world whose first primary is alpha, with a ready backup."""
    world = new_world(seed, preset, fault_plan=NO_FAULTS)
    world.run(6 * world.timing.ttl_seconds)
    assert world.primaries() == [ALPHA]
    return world


def sicken(world: World, node: NodeId, service: str, sickness: Sickness) -> None:
    master = world.masters[node]
    master.services.fall_sick(service, sickness, master.clock(world.now))


def heal(world: World, node: NodeId) -> None:
    world.masters[node].services.heal_all()


def moves(world: World) -> int:
    """How often the role went to another master after the first time."""
    return len(world.acquired) - 1


@pytest.mark.parametrize("preset", ["local", "lan", "wan"])
def test_a_primary_that_commits_nothing_is_replaced_within_the_bound(preset: str) -> None:
    for seed, sickness in enumerate(EVERY_SICKNESS * 8):
        world = settled_world(seed, preset)
        acceptance = Acceptance(world, takeover_bound(world.timing))
        sicken(world, ALPHA, CONFIG, sickness)
        world.run(world.now + 60)
        assert world.primaries() == [BRAVO], sickness
        assert acceptance.accepts()
        heal(world, ALPHA)
        world.run(world.now + 60)
        assert world.primaries() == [BRAVO], "a master that is well again takes nothing back"
        assert moves(world) == 1


@pytest.mark.parametrize("service", [GATEWAY, REPLICATION])
def test_a_primary_without_a_service_that_its_role_needs_hands_over(service: str) -> None:
    for seed in range(10):
        world = settled_world(seed)
        acceptance = Acceptance(world, takeover_bound(world.timing))
        sicken(world, ALPHA, service, Sickness.DEAD)
        world.run(world.now + 20)
        assert world.primaries() == [BRAVO]
        assert acceptance.longest < 2.0, "nothing stood still while the role moved"


@pytest.mark.parametrize("sickness", EVERY_SICKNESS)
def test_a_fault_that_both_masters_share_moves_the_role_at_most_once(sickness: Sickness) -> None:
    for seed in range(20):
        world = settled_world(seed)
        for node in world.random.sample(NODES, 2):
            sicken(world, node, CONFIG, sickness)
            world.run(world.now + world.random.choice((0.0, 0.0, 0.05)))
        world.run(world.now + 120)
        most = 1 if sickness is Sickness.IDLE else 0
        assert moves(world) <= most, "no proof shows that a backup would accept nothing"
        for node in NODES:
            heal(world, node)
        world.run(world.now + 30)
        assert moves(world) <= most
        assert len(world.primaries()) == 1


def test_a_sick_primary_keeps_its_role_and_says_why_while_nobody_could_do_better() -> None:
    world = settled_world(1)
    sicken(world, BRAVO, GATEWAY, Sickness.DEAD)
    world.run(world.now + 12)
    sicken(world, ALPHA, CONFIG, Sickness.REFUSED)
    world.run(world.now + 30)
    assert world.primaries() == [ALPHA]
    alpha, bravo = (world.masters[node] for node in NODES)
    reasons = alpha.monitor.status(alpha.clock(world.now)).reasons
    assert reasons == (
        "its config commits nothing: refused",
        "no other master is ready to take the role",
    )
    bravos = bravo.monitor.status(bravo.clock(world.now)).reasons
    assert bravos == ("its gateway does not answer",)


@pytest.mark.parametrize("service", [CONFIG, GATEWAY, REPLICATION])
def test_a_backup_whose_service_is_dead_takes_nothing_over(service: str) -> None:
    for seed in range(10):
        world = settled_world(seed)
        sicken(world, BRAVO, service, Sickness.DEAD)
        world.run(world.now + 15)
        world.crash(ALPHA)
        world.run(world.now + 20)
        assert world.primaries() == []
        heal(world, BRAVO)
        world.run(world.now + 10)
        assert world.primaries() == [BRAVO]


def begin_fault(world: World) -> None:
    """One fault of one master; *random_fault* of the other tests begins and ends many."""
    node, service = world.random.choice(NODES), world.random.choice((CONFIG, CONFIG, GATEWAY))
    kinds = EVERY_SICKNESS if service == CONFIG else (Sickness.DEAD,)
    sicken(world, node, service, world.random.choice(kinds))


def play_single_faults(seed: int, preset: str) -> World:
    """Faults of services one after the other, each healed or not before the next."""
    world = settled_world(seed, preset)
    Acceptance(world, recovery_bound(world.timing))
    for count in range(1, world.random.randint(2, 6)):
        before = moves(world)
        begin_fault(world)
        world.run(world.now + world.random.uniform(*FAULT_SECONDS))
        if world.random.random() < 0.7:
            for node in NODES:
                heal(world, node)
            world.run(world.now + 15 * world.timing.ttl_seconds)
        assert moves(world) - before <= 1, f"fault {count} moved the role more than once"
    return world


def check_promise(world: World) -> None:
    """What a master says of itself after the bounds holds: a ready backup takes over."""
    for node in NODES:
        heal(world, node)
        if not world.masters[node].is_up:
            world.start(node)
    world.run(world.now + 15 * world.timing.ttl_seconds)
    (primary,) = world.primaries()
    (backup,) = (node for node in NODES if node != primary)
    is_ready = world.random.random() < 0.5
    if not is_ready:
        sicken(world, backup, CONFIG, world.random.choice((Sickness.DEAD, Sickness.LOCKED)))
        world.run(world.now + 2 * world.timing.store_timeout_seconds)
    master = world.masters[backup]
    status = master.monitor.status(master.clock(world.now))
    others = tuple(reason for reason in status.reasons if reason != RELUCTANT)
    assert (others == ()) is is_ready
    assert status.could_take_over is (status.reasons == ())
    world.crash(primary)
    world.run(world.now + 3 * world.timing.ttl_seconds)
    assert world.primaries() == ([backup] if is_ready else [])


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_each_fault_moves_the_role_at_most_once_and_what_is_promised_holds(first: int) -> None:
    for seed in range(first, first + AT_A_TIME):
        chance = Random(seed)
        check_promise(play_single_faults(seed, chance.choice(PRESETS_BY_CHANCE)))


FAULTS: Final[tuple[Callable[[World, NodeId], None], ...]] = (
    *(fall_sick, fall_sick, fall_sick, slow_disk, freeze, elect, crash_or_start),
)


def play_sickness(seed: int, seconds: float = 120.0) -> World:
    """Faults of services flap, beside frozen masters, elections and crashes."""
    world = settled_world(seed, Random(seed).choice(PRESETS_BY_CHANCE))
    Acceptance(world, recovery_bound(world.timing))
    end = world.now + seconds
    when = world.now
    while when < end:
        fault = partial(world.random.choice(FAULTS), world, world.random.choice(NODES))
        world.at(when, fault)
        when += world.random.expovariate(0.3)
    world.run(end)
    return world


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_changes_are_accepted_whenever_a_master_could_accept_them(first: int) -> None:
    for seed in range(first, first + AT_A_TIME):
        play_sickness(seed)
