"""Scenarios of masters that are sick: services fall sick and are healed, alone or flapping.

Two kinds follow from the seed. In the one, faults come one after the other: each may move the role
once, and what a backup says of itself at the end holds. In the other they flap, beside frozen
masters, elections and crashes: changes are accepted whenever some master could accept them.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from services.failover_monitor.core.fitness import CONFIG, GATEWAY
from shared.domain.ids import NodeId
from tests.simulation.failover.acceptance import Acceptance, recovery_bound
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

EVERY_SICKNESS: Final = tuple(Sickness)
FAULT_SECONDS: Final = (0.5, 15.0)
FLAPPING_SECONDS: Final = 60.0
FAULTS_PER_SECOND: Final = 0.3
SINGLE_EVERY: Final = 4
"""Every fourth seed plays single faults."""

OnLine = Callable[[str], None]


def settled_world(seed: int, preset: str = "local", on_line: OnLine | None = None) -> World:
    """A world whose first primary is alpha, with a ready backup."""
    world = new_world(seed, preset, fault_plan=NO_FAULTS)
    world.on_line = on_line
    world.run(4 * world.timing.ttl_seconds)
    assert world.primaries() == [NODES[0]]
    return world


def sicken(world: World, node: NodeId, service: str, sickness: Sickness) -> None:
    master = world.masters[node]
    world.record(f"{node}: {service} is {sickness}")
    master.services.fall_sick(service, sickness, master.clock(world.now))


def heal(world: World, node: NodeId) -> None:
    world.record(f"{node} is healed")
    world.masters[node].services.heal_all()


def moves(world: World) -> int:
    """How often the role went to another master after the first time."""
    return len(world.acquired) - 1


def begin_fault(world: World) -> None:
    """One fault of one master; *random_fault* of the other tests begins and ends many."""
    node, service = world.random.choice(NODES), world.random.choice((CONFIG, CONFIG, GATEWAY))
    kinds = EVERY_SICKNESS if service == CONFIG else (Sickness.DEAD,)
    sicken(world, node, service, world.random.choice(kinds))


def play_single_faults(seed: int, preset: str, on_line: OnLine | None = None) -> World:
    """Faults of services one after the other, each healed or not before the next."""
    world = settled_world(seed, preset, on_line)
    Acceptance(world, recovery_bound(world.timing))
    for count in range(1, world.random.randint(2, 3)):
        begin_fault(world)
        world.run(world.now + world.random.uniform(*FAULT_SECONDS))
        if world.random.random() < 0.7:
            for node in NODES:
                heal(world, node)
            world.run(world.now + 15 * world.timing.ttl_seconds)
        assert moves(world) <= count, f"{count} faults moved the role {moves(world)} times"
    check_promise(world)
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
    assert status.could_take_over is is_ready, status.reasons
    world.crash(primary)
    world.run(world.now + 3 * world.timing.ttl_seconds)
    assert world.primaries() == ([backup] if is_ready else [])


FAULTS: Final[tuple[Callable[[World, NodeId], None], ...]] = (
    *(fall_sick, fall_sick, fall_sick, slow_disk, freeze, elect, crash_or_start),
)


def play_flapping(seed: int, preset: str, on_line: OnLine | None = None) -> World:
    """Faults of services flap, beside frozen masters, elections and crashes."""
    world = settled_world(seed, preset, on_line)
    Acceptance(world, recovery_bound(world.timing))
    end = world.now + FLAPPING_SECONDS
    when = world.now
    while when < end:
        fault = partial(world.random.choice(FAULTS), world, world.random.choice(NODES))
        world.at(when, fault)
        when += world.random.expovariate(FAULTS_PER_SECOND)
    world.run(end)
    return world


def play(seed: int, on_line: OnLine | None = None) -> World:
    """Play the scenario of *seed*; its kind, preset and faults follow from the seed."""
    preset = Random(seed).choice(PRESETS_BY_CHANCE)
    if seed % SINGLE_EVERY == 0:
        return play_single_faults(seed, preset, on_line)
    return play_flapping(seed, preset, on_line)
