"""Scenarios of two monitors: the faults that a seed injects, and the recovery after them.

A scenario is five minutes and more of quiet stretches and bursts of faults. After most bursts, and
after the last, every fault is ended, and a bounded time later there must be one primary again.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION
from shared.domain.ids import NodeId
from tests.simulation.failover.faults import (
    NO_FAULTS,
    USUAL_FAULTS,
    FaultPlan,
    Flaws,
    random_fault_plan,
)
from tests.simulation.failover.promises import Promises
from tests.simulation.failover.services import Sickness
from tests.simulation.failover.switch import give_way, switch_over
from tests.simulation.failover.world import NODES, World

Fault = Callable[[World], None]

SERVICES: Final = (CONFIG, CONFIG, REPLICATION, GATEWAY)
SCENARIO_SECONDS: Final = 300.0
QUIET_SECONDS: Final = (10.0, 60.0)
BURST_SECONDS: Final = (5.0, 30.0)
FAULTS_PER_SECOND: Final = 0.8
REPAIR_CHANCE: Final = 0.7
"""The chance that a burst's faults are ended before the next burst."""

FLOOD_SECONDS: Final = (0.5, 10.0)
FLOOD_EVERY_SECONDS: Final = (0.02, 0.2)

SETTLED: Final = {"local": 25.0, "lan": 40.0, "wan": 70.0}
"""How long a cluster without faults may take to have its primary again."""

PRESETS_BY_CHANCE: Final = ("local", "lan", "wan", "wan")


def new_world(
    seed: int,
    preset: str = "local",
    flaws: Flaws | None = None,
    fault_plan: FaultPlan = USUAL_FAULTS,
) -> World:
    """Return a world with two monitors that start within its first second."""
    world = World(seed, preset, flaws)
    world.fault_plan = fault_plan
    world.ask_promises = Promises(world).ask
    world.give_way = partial(give_way, world)
    for node in NODES:
        world.at(world.random.uniform(0, 1), world.start, node)
    return world


def random_fault(world: World) -> None:
    """Begin or end a fault of either master, drawn by chance."""
    world.random.choice(FAULTS)(world, world.random.choice(NODES))


def crash_or_start(world: World, node: NodeId) -> None:
    if world.masters[node].is_up:
        world.crash(node)
    else:
        world.start(node)


def start(world: World, node: NodeId) -> None:
    if not world.masters[node].is_up:
        world.start(node)


def freeze(world: World, node: NodeId) -> None:
    world.freeze(node, world.random.uniform(0.1, 6))


def suspend(world: World, node: NodeId) -> None:
    world.suspend(node, world.random.uniform(0.1, 20))


def elect(world: World, _node: NodeId) -> None:
    world.elect()


def change_fault_plan(world: World, _node: NodeId) -> None:
    world.fault_plan = random_fault_plan(world.random)
    world.record(f"{world.fault_plan}")


def cut_one_way(world: World, node: NodeId) -> None:
    master = world.masters[node]
    if world.random.random() < 0.5:
        master.mute = not master.mute
    else:
        master.deaf = not master.deaf
    _record_cut(world, node)


def cut_off(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.mute = master.deaf = not (master.mute and master.deaf)
    _record_cut(world, node)


def _record_cut(world: World, node: NodeId) -> None:
    master = world.masters[node]
    world.record(f"{node}: mute {master.mute}, deaf {master.deaf}")


def fall_sick(world: World, node: NodeId) -> None:
    """A service of *node* falls sick, or is well again."""
    master, service = world.masters[node], world.random.choice(SERVICES)
    if service in master.services.sick:
        master.services.heal(service)
    else:
        kinds = tuple(Sickness) if service == CONFIG else (Sickness.DEAD,)
        sickness = world.random.choice(kinds)
        master.services.fall_sick(service, sickness, master.clock(world.now))
    world.record(f"{node}: {master.services.sick}")


def slow_disk(world: World, node: NodeId) -> None:
    """Each write of *node*'s config takes long, or is quick again."""
    services = world.masters[node].services
    services.write_seconds = 0.0 if services.write_seconds else world.random.uniform(0.1, 5)
    world.record(f"{node}: writes take {services.write_seconds:.1f} s")


def unfit(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.fit = not master.fit
    world.record(f"{node}: fit {master.fit}")


def start_switchover(world: World, _node: NodeId) -> None:
    switch_over(world)


def spoil(world: World) -> None:
    """Somebody who may write to the bucket spoils the key: once, for a while, or unseen."""
    world.random.choice((put_junk, put_copy, purge, flood, hide))(world)


def put_junk(world: World) -> None:
    world.record("junk is put into the key")
    world.bucket.put_junk()


def put_copy(world: World) -> None:
    world.record("an old record is put into the key")
    world.bucket.put_copy()


def purge(world: World) -> None:
    world.record("the key is deleted")
    world.bucket.purge()


def flood(world: World) -> None:
    """The key is spoiled again and again, for some seconds."""
    seconds = world.random.uniform(*FLOOD_SECONDS)
    world.record(f"the key is flooded for {seconds:.1f} s")
    world.bucket.flooded_until = world.now + seconds
    _flood(world)


def _flood(world: World) -> None:
    if world.now < world.bucket.flooded_until:
        world.random.choice((put_junk, put_junk, put_copy, purge))(world)
        world.at(world.now + world.random.uniform(*FLOOD_EVERY_SECONDS), _flood, world)


def hide(world: World) -> None:
    """Junk follows each record before anybody reads it, for some seconds."""
    seconds = world.random.uniform(*FLOOD_SECONDS)
    world.record(f"junk hides every record for {seconds:.1f} s")
    world.bucket.hides = True
    world.at(world.now + seconds, setattr, world.bucket, "hides", False)


FAULTS: Final = (
    *(start_switchover, start_switchover),
    *(crash_or_start, start, freeze, suspend, elect, change_fault_plan),
    *(cut_one_way, cut_one_way, cut_off, fall_sick, fall_sick, slow_disk, unfit),
)


def end_faults(world: World) -> None:
    """End every fault but those that end by themselves."""
    world.record("all is mended")
    world.fault_plan = NO_FAULTS
    world.bucket.hides, world.bucket.flooded_until = False, 0.0
    for node, master in world.masters.items():
        master.mute, master.deaf, master.fit = False, False, True
        master.services.heal_all()
        if not master.is_up:
            world.start(node)


def fault_burst(world: World, *faults: Fault) -> None:
    """Inject faults, drawn from *faults*, for a while."""
    world.fault_plan = USUAL_FAULTS
    end = world.now + world.random.uniform(*BURST_SECONDS)
    when = world.now
    while when < end:
        world.at(when, partial(world.random.choice(faults), world))
        when += world.random.expovariate(FAULTS_PER_SECOND)
    world.run(end)


def run_faults(world: World, *faults: Fault, seconds: float = SCENARIO_SECONDS) -> World:
    """Inject *faults* in bursts; the world must recover whenever they are ended."""
    is_repaired = False
    while world.now < seconds or not is_repaired:
        world.run(world.now + world.random.uniform(*QUIET_SECONDS))
        fault_burst(world, *faults)
        is_repaired = world.random.random() < REPAIR_CHANCE
        if is_repaired:
            end_faults(world)
            world.run(world.now + SETTLED[world.preset])
            check_healed(world)
    return world


def check_healed(world: World) -> None:
    """There is a primary again, and every role had an epoch of its own, larger than the last.

    Where somebody spoiled the key, or it was lost, an epoch may be acquired twice; it is never
    begun twice in the log, which the judge checks.
    """
    assert len(world.primaries()) == 1, (
        f"primaries after all faults were ended: {world.primaries()}"
    )
    if not world.bucket.was_spoilt:
        epochs = [role.epoch for role in world.acquired]
        assert epochs == sorted(set(epochs)), f"epochs in the order acquired: {epochs}"


def play(
    seed: int, on_line: Callable[[str], None] | None = None, *, seconds: float = SCENARIO_SECONDS
) -> World:
    """Play the scenario of *seed*; its preset and its faults follow from the seed."""
    chance = Random(seed)
    world = new_world(
        seed,
        chance.choice(PRESETS_BY_CHANCE),
        fault_plan=chance.choice((NO_FAULTS, NO_FAULTS, USUAL_FAULTS)),
    )
    world.on_line = on_line
    spoils = (spoil,) if chance.random() < 1 / 3 else ()
    return run_faults(world, *[random_fault] * 3, *spoils, seconds=seconds)
