"""Counts events by key in leaky buckets, of which a bounded number is kept.

Each key has a bucket. An event adds one to it; every *leak_seconds* one leaks out, as long as it
holds any. So the level is what happened lately, and an empty bucket needs no memory. (The leaky
bucket as a meter: ITU-T I.371, annex A; the token bucket of RFC 2697 is its mirror image.)

Levels are whole numbers and change at exact moments, so a limit of 20 lets exactly 20 pass at once.

When there are more keys than fit, the buckets with the lowest levels go. So whoever sends new keys
without end makes room among those new keys: a key that did much stays counted, and one that did
little loses no more than that little.
"""

from collections.abc import Hashable
from heapq import nsmallest
from math import floor
from typing import Final, NamedTuple

from shared.domain.ids import Instant

KEYS_KEPT: Final = 10_000
SPARE: Final = 8
"""When there are too many keys, one in so many is dropped, so that this happens rarely."""


class _Bucket(NamedTuple):
    """A bucket that held *level* at *since*, when its last event came or leaked."""

    level: int
    since: Instant


EMPTY: Final = _Bucket(0, Instant(0.0))


class LeakyBuckets:
    """A leaky bucket for each key: one event leaks in *leak_seconds*, and *capacity* fit in."""

    def __init__(self, *, leak_seconds: float, capacity: int, keys: int = KEYS_KEPT) -> None:
        assert leak_seconds > 0, "every event leaks out some day"
        assert capacity > 0, "a bucket holds something"
        assert keys >= SPARE, "a table that drops one in eight has eight"
        self._leak_seconds = leak_seconds
        self._capacity = capacity
        self._keys = keys
        self._buckets: dict[Hashable, _Bucket] = {}

    def __len__(self) -> int:
        """Return the number of keys that are kept."""
        return len(self._buckets)

    def level(self, key: Hashable, now: Instant) -> int:
        """Return how many events of *key* have not leaked out."""
        return self._bucket(key, now).level

    def is_full(self, key: Hashable, now: Instant) -> bool:
        """Say whether no more events of *key* fit in."""
        return self._bucket(key, now).level >= self._capacity

    def leaks_in_seconds(self, key: Hashable, now: Instant) -> float:
        """Return how long it takes until the next event of *key* leaks out."""
        return self._bucket(key, now).since + self._leak_seconds - now

    def add(self, key: Hashable, now: Instant) -> None:
        """Count one event of *key*; a full bucket stays full."""
        if key not in self._buckets and len(self._buckets) >= self._keys:
            self._drop_lowest(now)
        level, since = self._bucket(key, now)
        self._buckets[key] = _Bucket(min(level + 1, self._capacity), since if level else now)

    def remove(self, key: Hashable, added: Instant, now: Instant) -> None:
        """Take back one event of *key* that was *added*, unless it has leaked out since."""
        level, since = self._bucket(key, now)
        if level and now - added < self._leak_seconds:
            self._keep(key, _Bucket(level - 1, since))

    def _bucket(self, key: Hashable, now: Instant) -> _Bucket:
        """Return the bucket of *key* as it is at *now*."""
        level, since = self._buckets.get(key, EMPTY)
        leaked = min(level, max(0, floor((now - since) / self._leak_seconds)))
        return _Bucket(level - leaked, Instant(since + leaked * self._leak_seconds))

    def _keep(self, key: Hashable, bucket: _Bucket) -> None:
        if bucket.level:
            self._buckets[key] = bucket
        else:
            self._buckets.pop(key, None)

    def _drop_lowest(self, now: Instant) -> None:
        """Drop the buckets that are empty, and as many of the lowest as make room."""
        for key in list(self._buckets):
            self._keep(key, self._bucket(key, now))
        spare = len(self._buckets) - (self._keys - self._keys // SPARE)
        for key in nsmallest(spare, self._buckets, key=lambda each: self._buckets[each].level):
            del self._buckets[key]
