"""Hostile messages for some targets, sent, and what the readers counted of them.

For each audience the refusals grow by exactly what had to be refused, and what passed grows by at
least what had to be taken (other members go on speaking meanwhile). Messages of which no
declaration says whether a reader looks at what is wrong may be refused or not.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.system.raw_nats import RawNats
from tests.system.storm.counters import Counters, Counts
from tests.system.storm.shots import Expected, Shot
from tests.system.storm.targets import Target

COUNT_SECONDS: Final = 30.0
STALL_SECONDS: Final = 8.0
"""When nothing was counted for so long, what is missing will not be counted any more."""

POLL_SECONDS: Final = 0.05
SETTLE_SECONDS: Final = 0.15
FLUSH_EVERY: Final = 16
"""Messages between two waits for the server, so that large ones do not make a slow consumer."""

ShotsAt = Callable[[Target], Sequence[Shot]]
Readings = dict[str, Counts]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many refusals *services* must count together, and by name what they must have taken."""

    services: frozenset[str]
    least: int
    most: int
    taken: tuple[tuple[str, int], ...] = ()

    def with_(self, other: "Wanted") -> "Wanted":
        return Wanted(
            self.services | other.services,
            self.least + other.least,
            self.most + other.most,
            self.taken + other.taken,
        )

    def refused(self, before: Readings, now: Readings) -> int:
        return sum(now[name].refused - before[name].refused for name in self.services)

    def faults(self, before: Readings, now: Readings) -> list[str]:
        """Sentences on what was not counted as it must be."""
        who, refused = "+".join(sorted(self.services)), self.refused(before, now)
        found: list[str] = []
        if not self.least <= refused <= self.most:
            bounds = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
            found.append(f"{who} refused {refused} of {bounds}{self._reasons(before, now)}")
        for message, taken in self.taken:
            passed = sum(
                now[name].received.get(message, 0) - before[name].received.get(message, 0)
                for name in self.services
            )
            if passed < taken:
                found.append(f"{who} took {passed} {message} of {taken}")
        return found

    def _reasons(self, before: Readings, now: Readings) -> str:
        grown = (
            (reason, count - before[name].rejected.get(reason, 0))
            for name in sorted(self.services)
            for reason, count in sorted(now[name].rejected.items())
        )
        return "".join(f", {reason} {count}" for reason, count in grown if count)


@dataclass(frozen=True, slots=True)
class Row:
    """What came of some targets: how many were sent, and the sentences of what went wrong."""

    name: str
    subject: str
    sent: int
    readers: int
    refused: int
    faults: tuple[str, ...]


async def fire(client: RawNats, subject: str, shots: Iterable[Shot]) -> None:
    """Send every one of *shots*."""
    for number, shot in enumerate(shots, 1):
        client.send(subject, shot.payload, shot.head, shot.reply)
        if number % FLUSH_EVERY == 0:
            await client.flush()
    await client.flush()


async def volley(
    client: RawNats, counters: Counters, aimed: Sequence[Target], shots_at: ShotsAt
) -> Row:
    """Send to each target what *shots_at* makes for it at that moment, and count."""
    before = await counters.read(
        {name for target in aimed for each in target.audiences for name in each.services}
    )
    parts, sent = list[Wanted](), 0
    for target in aimed:
        shots = shots_at(target)
        await fire(client, target.subject, shots)
        parts += expected(target, shots)
        sent += len(shots)
    wanted = together(parts)
    now = await counted(counters, before, wanted)
    is_one = len(aimed) == 1
    return Row(
        aimed[0].name if is_one else f"{len(aimed)} targets",
        aimed[0].subject if is_one else "",
        sent,
        len(before),
        sum(each.refused(before, now) for each in wanted),
        tuple(fault for each in wanted for fault in each.faults(before, now)),
    )


def expected(target: Target, shots: Sequence[Shot]) -> list[Wanted]:
    """What each audience of *target* must count of *shots*."""
    refused = sum(shot.expected is Expected.REFUSED for shot in shots)
    either = sum(shot.expected is Expected.EITHER for shot in shots)
    taken = sum(shot.expected is Expected.TAKEN for shot in shots)
    live = () if target.is_stored or not taken else ((target.name, taken),)
    return [
        Wanted(
            each.services,
            refused * each.times,
            (refused + either) * each.times,
            tuple((name, count * each.times) for name, count in live),
        )
        for each in target.audiences
    ]


def together(parts: Iterable[Wanted]) -> list[Wanted]:
    """*parts* whose services overlap are counted as one."""
    found: list[Wanted] = []
    for part in parts:
        whole = part
        for each in [each for each in found if each.services & whole.services]:
            found.remove(each)
            whole = each.with_(whole)
        found.append(whole)
    return found


async def counted(counters: Counters, before: Readings, wanted: Sequence[Wanted]) -> Readings:
    """The counters once all have refused enough and nothing moves any more, or time is over."""
    last, moved = before, asyncio.get_running_loop().time()
    end = moved + COUNT_SECONDS
    while True:
        now, time = await counters.read(before), asyncio.get_running_loop().time()
        enough = all(each.refused(before, now) >= each.least for each in wanted)
        moved = moved if _same(last, now) else time
        if (enough and last is not before and moved != time) or time - moved > STALL_SECONDS:
            return now
        if time > end:
            return now
        last = now
        await asyncio.sleep(SETTLE_SECONDS if enough else POLL_SECONDS)


def _same(last: Readings, now: Readings) -> bool:
    return all(now[name].refused == last[name].refused for name in now)
