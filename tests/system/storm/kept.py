"""Hostile values put where they are kept, and what their readers counted of them.

A stream's readers get every value and count each once. A key is read at intervals, and its holder
may put things right first: only a value that stood for two intervals must have been counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.system.raw_nats import RawNats
from tests.system.storm.counters import Counters
from tests.system.storm.places import Place, last
from tests.system.storm.readers import Readers
from tests.system.storm.shots import Shot
from tests.system.storm.volley import Row, Wanted, counted, fire, together

LOOK_SECONDS: Final = 0.05
INTERVALS: Final = 2


@dataclass(frozen=True)
class Keeping:
    """What is needed to put values anywhere and count."""

    client: RawNats
    counters: Counters
    readers: Readers
    watched_seconds: float

    async def put(self, place: Place, shots: Sequence[Shot]) -> Row:
        """Put every one of *shots* at *place*, and judge."""
        audiences = self.readers.of_stored(place.stream, place.subject)
        polling = self.readers.polled.get(place.subject, Counter())
        if polling and not audiences:
            return await self._polled(place, shots, polling)
        count = len(shots)
        wanted = together(
            Wanted(each.services, count * each.times, count * each.times) for each in audiences
        )
        before = await self.counters.read({name for each in wanted for name in each.services})
        await fire(self.client, place.subject, shots)
        now = await counted(self.counters, before, wanted)
        return Row(
            place.stream,
            place.subject,
            count,
            len(before),
            sum(each.refused(before, now) for each in wanted),
            tuple(fault for each in wanted for fault in each.faults(before, now)),
        )

    async def _polled(self, place: Place, shots: Sequence[Shot], polling: Counter[str]) -> Row:
        """Put one value after the other, each for as long as it is let stand."""
        often = {name: times for name, times in polling.items() if times > INTERVALS and name}
        before = await self.counters.read(often)
        stood = Counter[str]()
        for shot in shots:
            seconds = await self._stands(place, shot, often)
            for name, times in often.items():
                stood[name] += seconds >= INTERVALS * self.watched_seconds / times
        wanted = [Wanted(frozenset({name}), stood[name], len(shots) * 1_000) for name in often]
        now = await counted(self.counters, before, wanted)
        return Row(
            place.stream,
            place.subject,
            len(shots),
            len(before),
            sum(each.refused(before, now) for each in wanted),
            tuple(fault for each in wanted for fault in each.faults(before, now)),
        )

    async def _stands(self, place: Place, shot: Shot, often: dict[str, int]) -> float:
        """How long the value was there: until somebody put things right, or long enough."""
        longest = INTERVALS * self.watched_seconds / min(often.values(), default=1)
        await fire(self.client, place.subject, [shot])
        began = time.monotonic()
        while time.monotonic() - began < longest:
            await asyncio.sleep(LOOK_SECONDS)
            if await last(self.client, place.stream, place.subject) != shot.payload:
                return time.monotonic() - began - LOOK_SECONDS
        return longest
