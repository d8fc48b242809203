"""Limits attempts by the network that they come from; each is counted before its outcome is known.

An attempt is *taken* first, and given back if it turns out to be harmless. So of any number of
attempts that run at the same time no more than the limit get as far as an outcome.

An attempt counts twice: for its source (one IPv4 address, or one /64 of IPv6) and, since an IPv6
site holds as many sources as it likes, for the /48 of the source at ten times the limit.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from services.gateway.core.leaky_buckets import LeakyBuckets
from shared.domain.ids import Instant
from shared.domain.source import site_of, source_of

SITE_FACTOR: Final = 10
"""The limit of a /48 of IPv6 is this many times that of each /64 in it."""


@dataclass(frozen=True, slots=True)
class ClientNetwork:
    """The *source* that a client's address counts for, and the *site* that the source is part of.

    The two are the same for IPv4.
    """

    source: str
    site: str

    @classmethod
    def of(cls, address: str) -> "ClientNetwork":
        """Return the network of *address*."""
        return cls(source_of(address), site_of(address))


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The *network* whose limit an attempt would exceed, and the seconds until it would not."""

    network: str
    wait_seconds: int


class RateLimit:
    """Lets *limit* attempts of a key pass at once, and as many again in each window."""

    def __init__(self, *, limit: int, window_seconds: float) -> None:
        self._buckets = LeakyBuckets(leak_seconds=window_seconds / limit, capacity=limit)

    def wait_seconds(self, key: Hashable, now: Instant) -> int:
        """Return how many whole seconds *key* has to wait for its next attempt; 0 for none."""
        if not self._buckets.is_full(key, now):
            return 0
        return max(1, ceil(self._buckets.leaks_in_seconds(key, now)))

    def take(self, key: Hashable, now: Instant) -> int:
        """Count an attempt of *key* and return 0; or count nothing and return the time to wait."""
        wait = self.wait_seconds(key, now)
        if not wait:
            self._buckets.add(key, now)
        return wait

    def give_back(self, key: Hashable, taken: Instant, now: Instant) -> None:
        """Take back an attempt of *key* that was *taken* and was harmless."""
        self._buckets.remove(key, taken, now)


class SourceLimit:
    """Lets *limit* attempts of a source pass at once, and ten times as many of its /48."""

    def __init__(self, *, limit: int, window_seconds: float) -> None:
        self._sources = RateLimit(limit=limit, window_seconds=window_seconds)
        self._sites = RateLimit(limit=SITE_FACTOR * limit, window_seconds=window_seconds)

    def take(self, client: ClientNetwork, now: Instant) -> Exceeded | None:
        """Count an attempt of *client*; or return what forbids it, and count nothing."""
        for limit, key in self._limits(client):
            if wait := limit.wait_seconds(key, now):
                return Exceeded(key, wait)
        for limit, key in self._limits(client):
            limit.take(key, now)
        return None

    def give_back(self, client: ClientNetwork, taken: Instant, now: Instant) -> None:
        """Take back an attempt of *client* that was *taken* and was harmless."""
        for limit, key in self._limits(client):
            limit.give_back(key, taken, now)

    def _limits(self, client: ClientNetwork) -> Iterator[tuple[RateLimit, str]]:
        yield self._sources, client.source
        if client.site != client.source:
            yield self._sites, client.site
