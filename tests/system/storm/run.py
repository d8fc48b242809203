"""A whole site in a storm of hostile messages, a judge, and a demonstration on what is left.

Every message of the catalogue, every answer, every key and every object gets hostile variants of
its own declaration. `storm` sends and judges them; `aftermath` starts every service anew and has
the demonstration run on that same site.
"""

import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stack.layout import Layout
from stack.site import Site
from tests.system.raw_nats import RawNats
from tests.system.storm.answers import ask, asking, requests
from tests.system.storm.counters import Counters
from tests.system.storm.gateway import siege
from tests.system.storm.kept import Keeping
from tests.system.storm.places import places, values
from tests.system.storm.readers import Readers, find
from tests.system.storm.requesters import mislead
from tests.system.storm.shots import GOOD, REPLAYED, Shot
from tests.system.storm.stage import Stage
from tests.system.storm.targets import Target, targets
from tests.system.storm.volley import Row, volley
from tests.system.wire_dialect import Speaker, connect, credentials

WATCH_SECONDS: Final = 6.0
"""Longer than any reader's fetch, so that each is seen asking once."""

LEAST: Final = 40
"""Hostile variants of each message, answer, key and object, at the least."""

SENDER: Final = "alpha.gateway"

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What was sent, what the readers said, and what must not have happened."""

    seed: int
    messages: int = 0
    kinds: int = 0
    refused: int = 0
    storm_seconds: float = 0.0
    restart_seconds: float = 0.0
    demo_ok: bool | None = None
    changes_lost: int | None = None
    sessions_lost: int | None = None
    faults: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, row: Row) -> None:
        self.messages += row.sent
        self.kinds += 1
        self.refused += row.refused
        self.faults += [f"{row.name} {row.subject}: {each}" for each in row.faults]


@dataclass(frozen=True)
class VariantPlan:
    """What a storm is made of: chance, and how many of each kind."""

    chance: random.Random
    each: int


async def all_targets(stage: Stage, client: RawNats, readers: Readers) -> list[Target]:
    """Every message at every subject where it is heard, with the readers of its stream."""
    layout = stage.site.layout
    streams: dict[str, str] = {}
    for target in targets(layout, readers, {}):
        reply = await client.jetstream("STREAM.NAMES", {"subject": target.subject})
        names: list[str] = reply.get("streams") or []
        streams |= dict.fromkeys([target.subject][: len(names)], names[0] if names else "")
    return list(targets(layout, readers, streams))


async def storm(stage: Stage, total: int, seed: int, say: Say) -> Outcome:
    """Send *total* hostile messages or more, as evenly as there are kinds, and judge each."""
    began, outcome = time.monotonic(), Outcome(seed)
    before = stage.processes()
    async with connect(credentials(stage.site.layout.state, SENDER)) as client:
        readers = await find(stage.site.layout, client, WATCH_SECONDS)
        chosen = await all_targets(stage, client, readers)
        kinds = len(chosen) + len(requests()) + len(await places(client))
        role = await stage.role(client)
        plan = VariantPlan(random.Random(seed), max(LEAST, -(-total // kinds)))
        async for row in _rows(stage, client, readers, chosen, plan):
            outcome.add(row)
            say(line_of(row))
            outcome.faults += stage.ended(before, f"after {row.name} {row.subject}")
            before = stage.processes()
            if (now := await stage.role(client)) != role:
                outcome.faults.append(f"the role went from {role} to {now} after {row.name}")
                role = now
        async for row in siege(stage.site):
            outcome.add(row)
            say(line_of(row))
            outcome.faults += stage.ended(before, f"after {row.name}")
    outcome.storm_seconds = round(time.monotonic() - began, 1)
    return outcome


async def _rows(
    stage: Stage,
    client: RawNats,
    readers: Readers,
    chosen: Sequence[Target],
    plan: VariantPlan,
) -> AsyncGenerator[Row]:
    layout, chance, each = stage.site.layout, plan.chance, plan.each
    counters = Counters(layout)

    def shots(target: Target) -> list[Shot]:
        return target.shots(layout, chance, each)

    live = [target for target in chosen if not target.is_stored]
    for target in live:
        yield await volley(client, counters, [target], shots)
    async with asking(layout, client) as requester:
        for message in requests():
            yield await ask(requester, message, chance, each)
    yield await mislead(layout, readers, chance)
    await stage.resync(str(layout.nodes[-1].name))
    keeping = Keeping(client, counters, readers, WATCH_SECONDS)
    speaker = Speaker(credentials(layout.state, SENDER))
    for place in await places(client):
        yield await keeping.put(place, values(place, speaker, chance, each))
    # Last: who finds its stream silent reads it again, and counts again what it refuses.
    for target in [target for target in chosen if target.is_stored]:
        yield await volley(client, counters, [target], shots)


async def gust(site: Site, each: int, seed: int) -> Outcome:
    """A short storm: *each* hostile messages of every kind, those of the catalogue all at once."""
    began, outcome, chance = time.monotonic(), Outcome(seed), random.Random(seed)
    stage, layout = Stage(site, {}, Path()), site.layout
    before = stage.processes()
    async with connect(credentials(layout.state, SENDER)) as client:
        readers = await find(layout, client, WATCH_SECONDS)
        chosen = await all_targets(stage, client, readers)

        def drawn(target: Target) -> list[Shot]:
            return _drawn(target, layout, chance, each)

        outcome.add(await volley(client, Counters(layout), chosen, drawn))
        async with asking(layout, client) as requester:
            for message in requests():
                outcome.add(await ask(requester, message, chance, each))
        keeping = Keeping(client, Counters(layout), readers, WATCH_SECONDS)
        speaker = Speaker(credentials(layout.state, SENDER))
        for place in await places(client):
            outcome.add(await keeping.put(place, values(place, speaker, chance, each)))
    outcome.faults += stage.ended(before, "in a short storm")
    outcome.storm_seconds = round(time.monotonic() - began, 1)
    return outcome


def _drawn(target: Target, layout: Layout, chance: random.Random, count: int) -> list[Shot]:
    """*count* of the target's shots, in their order; none that needs another before it."""
    shots = [
        shot
        for shot in target.shots(layout, chance, LEAST * 3)
        if shot.name not in {GOOD, REPLAYED}
    ]
    return [shots[number] for number in sorted(chance.sample(range(len(shots)), count))]


async def aftermath(stage: Stage, outcome: Outcome, say: Say) -> None:
    """Start every service anew on what the storm left, and have the demonstration told.

    Raises:
        StartFailed: a service did not get ready.
        RuntimeError: the demonstration halted.
    """
    await stage.site.wait_ready()
    began = time.monotonic()
    await stage.restart()
    outcome.restart_seconds = round(time.monotonic() - began, 1)
    say(f"every service was started anew and is ready after {outcome.restart_seconds:.1f} s")
    code, output = await stage.resync(str(stage.site.layout.nodes[-1].name))
    if code != 0:
        outcome.faults.append(f"a follower cannot take a snapshot any more: {output}")
    ok, outcome.changes_lost, outcome.sessions_lost = await stage.run_demo()
    outcome.demo_ok = ok
    if not ok:
        outcome.faults.append("the demonstration's promises were not kept after the storm")


def line_of(row: Row) -> str:
    counts = f"{row.name:<28} {row.subject:<46} {row.sent:>5} sent {row.readers:>3} readers "
    return (
        f"{counts}{row.refused:>6} refused{''.join(f'{chr(10)}    {each}' for each in row.faults)}"
    )
