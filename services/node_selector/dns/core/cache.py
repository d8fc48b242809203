"""Caches answers by their scope, and finds the one that serves a client.

An answer with scope /20 serves every client in that /20, one with scope 0 every client. Of several
cached answers the longest scope that holds the client counts (RFC 7871, section 7.3.1). An answer
to a query without a network is cached apart, because it says nothing of any network.
The cache is bounded: the least recently used answer goes first.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from services.node_selector.dns.core.networks import Network
from shared.domain.ids import Instant

Q = TypeVar("Q")
A = TypeVar("A")

Scope = tuple[int, int, int]
"""IP version, bits of the scope, and the network's leading bits; all 0 without a network."""

NOBODY: Final[Scope] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class _CachedAnswer(Generic[A]):
    answer: A
    until: Instant


class ScopedCache(Generic[Q, A]):
    """Answers to questions, each for the clients of one scope; at most *most* of them."""

    def __init__(self, most: int) -> None:
        assert most > 0, "a cache that keeps nothing"
        self._most = most
        self._kept: OrderedDict[tuple[Q, Scope], _CachedAnswer[A]] = OrderedDict()
        self._lengths: dict[tuple[Q, int], Counter[int]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, question: Q, network: Network | None, now: Instant) -> A | None:
        """Return the answer that counts at *now* for a client in *network*."""
        version = NOBODY[0] if network is None else network.version
        lengths = self._lengths.get((question, version))
        for length in sorted(lengths or (), reverse=True):
            place = (question, _scope(network, length))
            kept = self._kept.get(place)
            if kept is None:
                continue
            if now < kept.until:
                self._kept.move_to_end(place)
                return kept.answer
            self._drop(place)
        return None

    def keep(self, question: Q, scope: Network | None, answer: A, until: Instant) -> None:
        """Keep *answer* for the clients in *scope* until *until*."""
        version, length, _ = found = _scope(scope, 0 if scope is None else scope.prefixlen)
        place = (question, found)
        if place in self._kept:
            self._drop(place)
        self._kept[place] = _CachedAnswer(answer, until)
        self._lengths.setdefault((question, version), Counter())[length] += 1
        if len(self._kept) > self._most:
            self._drop(next(iter(self._kept)))
        assert len(self._kept) <= self._most, "the cache grows without bounds"

    def _drop(self, place: tuple[Q, Scope]) -> None:
        question, (version, length, _) = place
        del self._kept[place]
        lengths = self._lengths[question, version]
        lengths[length] -= 1
        if not lengths[length]:
            del lengths[length]
        if not lengths:
            del self._lengths[question, version]


def _scope(network: Network | None, length: int) -> Scope:
    if network is None:
        return NOBODY
    bits = int(network.network_address) >> (network.max_prefixlen - length)
    return network.version, length, bits
