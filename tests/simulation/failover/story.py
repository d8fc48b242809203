"""What happens to two monitors in a seed's story.

A story is five minutes and more of quiet stretches and bursts of troubles. After most bursts, and
after the last, everything is mended, and a bounded time later there must be one primary again.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from shared.domain.ids import NodeId
from tests.simulation.failover.promises import Promises
from tests.simulation.failover.switch import switch_over
from tests.simulation.failover.weather import STILL, USUAL, Flaws, Weather, foul
from tests.simulation.failover.world import NODES, World

Trouble = Callable[[World], None]

STORY_SECONDS: Final = 300.0
QUIET_SECONDS: Final = (10.0, 60.0)
BURST_SECONDS: Final = (5.0, 30.0)
TROUBLES_A_SECOND: Final = 0.8
MENDED_AFTER: Final = 0.7
"""The chance that a burst's troubles are mended before the next."""

FLOOD_SECONDS: Final = (0.5, 10.0)
FLOOD_EVERY_SECONDS: Final = (0.02, 0.2)

SETTLED: Final = {"local": 25.0, "lan": 40.0, "wan": 70.0}
"""How long a mended cluster may take to have its primary again."""

PRESET_OF_SEED: Final = ("local", "lan", "wan", "wan")


def begun(
    seed: int, preset: str = "local", flaws: Flaws | None = None, weather: Weather = USUAL
) -> World:
    """A world with two monitors that start within its first second."""
    world = World(seed, preset, flaws)
    world.weather = weather
    world.ask_promises = Promises(world).ask
    for node in NODES:
        world.at(world.random.uniform(0, 1), world.start, node)
    return world


def trouble(world: World) -> None:
    """Something bad, begun or ended, for either master."""
    world.random.choice(TROUBLES)(world, world.random.choice(NODES))


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


def change_weather(world: World, _node: NodeId) -> None:
    world.weather = foul(world.random)
    world.say(f"{world.weather}")


def cut_one_way(world: World, node: NodeId) -> None:
    master = world.masters[node]
    if world.random.random() < 0.5:
        master.mute = not master.mute
    else:
        master.deaf = not master.deaf
    _say_cut(world, node)


def cut_off(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.mute = master.deaf = not (master.mute and master.deaf)
    _say_cut(world, node)


def _say_cut(world: World, node: NodeId) -> None:
    master = world.masters[node]
    world.say(f"{node}: mute {master.mute}, deaf {master.deaf}")


def stop_config(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.config_commits = not master.config_commits
    world.say(f"{node}: config commits {master.config_commits}")


def unfit(world: World, node: NodeId) -> None:
    master = world.masters[node]
    master.fit = not master.fit
    world.say(f"{node}: fit {master.fit}")


def plan_a_change(world: World, _node: NodeId) -> None:
    switch_over(world)


def spoil(world: World) -> None:
    """Somebody who may write to the bucket spoils the key: once, for a while, or unseen."""
    world.random.choice((put_junk, put_copy, purge, flood, hide))(world)


def put_junk(world: World) -> None:
    world.say("junk is put into the key")
    world.bucket.put_junk()


def put_copy(world: World) -> None:
    world.say("an old record is put into the key")
    world.bucket.put_copy()


def purge(world: World) -> None:
    world.say("the key is deleted")
    world.bucket.purge()


def flood(world: World) -> None:
    """The key is spoiled again and again, for some seconds."""
    seconds = world.random.uniform(*FLOOD_SECONDS)
    world.say(f"the key is flooded for {seconds:.1f} s")
    world.bucket.flooded_until = world.now + seconds
    _flood(world)


def _flood(world: World) -> None:
    if world.now < world.bucket.flooded_until:
        world.random.choice((put_junk, put_junk, put_copy, purge))(world)
        world.at(world.now + world.random.uniform(*FLOOD_EVERY_SECONDS), _flood, world)


def hide(world: World) -> None:
    """Junk follows each record before anybody reads it, for some seconds."""
    seconds = world.random.uniform(*FLOOD_SECONDS)
    world.say(f"junk hides every record for {seconds:.1f} s")
    world.bucket.hides = True
    world.at(world.now + seconds, setattr, world.bucket, "hides", False)


TROUBLES: Final = (
    *(plan_a_change, plan_a_change),
    *(crash_or_start, start, freeze, suspend, elect, change_weather),
    *(cut_one_way, cut_one_way, cut_off, stop_config, unfit),
)


def mend(world: World) -> None:
    """End every trouble but those that end by themselves."""
    world.say("all is mended")
    world.weather = STILL
    world.bucket.hides, world.bucket.flooded_until = False, 0.0
    for node, master in world.masters.items():
        master.mute, master.deaf, master.config_commits, master.fit = False, False, True, True
        if not master.is_up:
            world.start(node)


def burst(world: World, *troubles: Trouble) -> None:
    """Let *troubles* happen to *world* for a while."""
    world.weather = USUAL
    end = world.now + world.random.uniform(*BURST_SECONDS)
    when = world.now
    while when < end:
        world.at(when, partial(world.random.choice(troubles), world))
        when += world.random.expovariate(TROUBLES_A_SECOND)
    world.run(end)


def suffer(world: World, *troubles: Trouble, seconds: float = STORY_SECONDS) -> World:
    """Let *troubles* happen to *world* in bursts; it must heal whenever they are mended."""
    is_mended = False
    while world.now < seconds or not is_mended:
        world.run(world.now + world.random.uniform(*QUIET_SECONDS))
        burst(world, *troubles)
        is_mended = world.random.random() < MENDED_AFTER
        if is_mended:
            mend(world)
            world.run(world.now + SETTLED[world.preset])
            check_healed(world)
    return world


def check_healed(world: World) -> None:
    """There is a primary again, and every role had an epoch of its own, larger than the last.

    Where somebody spoiled the key, or it was lost, an epoch may be taken twice; it is never begun
    twice in the log, which the judge sees to.
    """
    assert len(world.primaries()) == 1, f"primaries after all was mended: {world.primaries()}"
    if not world.bucket.was_spoilt:
        epochs = [took.epoch for took in world.taken]
        assert epochs == sorted(set(epochs)), f"epochs in the order taken: {epochs}"


def tell(
    seed: int, teller: Callable[[str], None] | None = None, *, seconds: float = STORY_SECONDS
) -> World:
    """The story of *seed*: its preset and its troubles follow from the seed."""
    chance = Random(seed)
    world = begun(seed, chance.choice(PRESET_OF_SEED), weather=chance.choice((STILL, STILL, USUAL)))
    world.tell = teller
    spoils = (spoil,) if chance.random() < 1 / 3 else ()
    return suffer(world, *[trouble] * 3, *spoils, seconds=seconds)
