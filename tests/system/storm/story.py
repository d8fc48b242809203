"""A whole site in a storm of hostile messages, a judge, and a demonstration on what is left.

Every message of the catalogue, every key and every object gets hostile variants of its own
declaration; then every service starts anew, and the demonstration is told on that same site.
"""

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from stack.site import Site
from tests.system.raw_nats import RawNats
from tests.system.storm.counters import Counters
from tests.system.storm.readers import Readers, find
from tests.system.storm.targets import Target, targets
from tests.system.storm.volley import Row, volley
from tests.system.wire_dialect import connect, credentials

WATCH_SECONDS: Final = 6.0
"""Longer than any reader's fetch, so that each is seen asking once."""

LEAST: Final = 40
"""Hostile variants of each message, key and object, at the least."""

SENDER: Final = "alpha.gateway"

Say = Callable[[str], None]
Processes = dict[tuple[str, str], int]


@dataclass
class Outcome:
    """What was sent, what the readers said, and what must not have happened."""

    seed: int
    messages: int = 0
    targets: int = 0
    refused: int = 0
    seconds: float = 0.0
    changes_lost: int | None = None
    sessions_lost: int | None = None
    faults: list[str] = field(default_factory=list[str])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, row: Row) -> None:
        self.messages += row.sent
        self.targets += 1
        self.refused += row.refused
        self.faults += [f"{row.name} on {row.subject}: {each}" for each in row.faults]


def processes(site: Site) -> Processes:
    """The process id of everything that runs."""
    return {key: child.pid for key, child in site.crew.members.items() if child.is_running}


async def streams_of(client: RawNats, subjects: set[str]) -> dict[str, str]:
    """The stream that keeps each of *subjects*, where there is one."""
    found: dict[str, str] = {}
    for subject in subjects:
        told = await client.jetstream("STREAM.NAMES", {"subject": subject})
        names: list[str] = told.get("streams") or []
        found |= dict.fromkeys([subject][: len(names)], names[0] if names else "")
    return found


async def all_targets(site: Site, client: RawNats, readers: Readers) -> list[Target]:
    bare = list(targets(site.layout, readers, {}))
    stored = await streams_of(client, {each.subject for each in bare if each.is_stored})
    return list(targets(site.layout, readers, stored))


async def storm(site: Site, total: int, seed: int, say: Say) -> Outcome:
    """Send *total* hostile messages, as evenly as there are targets, and judge each volley."""
    began, outcome, chance = time.monotonic(), Outcome(seed), random.Random(seed)
    before = processes(site)
    async with connect(credentials(site.layout.state, SENDER)) as client:
        readers = await find(site.layout, client, WATCH_SECONDS)
        chosen = await all_targets(site, client, readers)
        each = max(LEAST, -(-total // len(chosen)))
        for target in chosen:
            shots = target.shots(site.layout, chance, each)
            row = await volley(client, Counters(site.layout), [(target, shots)])
            outcome.add(row)
            say(_line(row))
            outcome.faults += ended(site, before, f"after {row.name}")
            before = processes(site)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def ended(site: Site, before: Processes, when: str) -> list[str]:
    """Who does not run any more, or is another process, since *before*."""
    now = processes(site)
    return [
        f"{node}.{service} ended {when}"
        for (node, service), pid in sorted(before.items())
        if now.get((node, service)) != pid
    ]


def _line(row: Row) -> str:
    said = f"{row.name:<24} {row.subject:<44} {row.sent:>5} sent {row.readers:>3} readers "
    return f"{said}{row.refused:>6} refused{''.join(f'{chr(10)}    {each}' for each in row.faults)}"
