"""Counts the result of a rehearsal: each node's share, how far it is, and who moves."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clients.rehearsal.population import Person

NO_NODE: Final = "(no node)"


@dataclass(frozen=True)
class PersonPlacement:
    """The placement of one person: the node, None when no node takes them, and its distance."""

    node: str | None
    kilometres: float | None = None


@dataclass(frozen=True)
class Share:
    """One node's part of a population."""

    node: str
    clients: int
    share: float
    kilometres: float | None
    latency_ms: float | None


@dataclass(frozen=True)
class Report:
    """The placement of a population; means are over clients, and None where nothing is known."""

    shares: tuple[Share, ...]
    clients: int
    refused: int
    kilometres: float | None
    latency_ms: float | None

    def of(self, node: str) -> Share | None:
        return next((each for each in self.shares if each.node == node), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "clients": self.clients,
            "refused": self.refused,
            "mean_kilometres": _rounded(self.kilometres),
            "mean_latency_ms": _rounded(self.latency_ms),
            "nodes": [
                {
                    "node": each.node,
                    "clients": each.clients,
                    "share": round(each.share, 4),
                    "mean_kilometres": _rounded(each.kilometres),
                    "mean_latency_ms": _rounded(each.latency_ms),
                }
                for each in self.shares
            ],
        }


def build_report(people: Sequence[Person], placements: Sequence[PersonPlacement]) -> Report:
    """Count who went where; the largest share comes first."""
    members: dict[str, list[tuple[Person, PersonPlacement]]] = {}
    for pair in zip(people, placements, strict=True):
        members.setdefault(pair[1].node or NO_NODE, []).append(pair)
    everybody = sum(each.clients for each in people)
    shares = [
        Share(
            node=node,
            clients=(count := sum(person.clients for person, _ in pairs)),
            share=count / everybody,
            kilometres=_mean((person.clients, there.kilometres) for person, there in pairs),
            latency_ms=_mean((person.clients, _latency(person, there)) for person, there in pairs),
        )
        for node, pairs in members.items()
    ]
    shares.sort(key=lambda each: (each.node == NO_NODE, -each.clients, each.node))
    pairs = list(zip(people, placements, strict=True))
    return Report(
        shares=tuple(shares),
        clients=everybody,
        refused=sum(person.clients for person, there in pairs if there.node is None),
        kilometres=_mean((person.clients, there.kilometres) for person, there in pairs),
        latency_ms=_mean((person.clients, _latency(person, there)) for person, there in pairs),
    )


def count_moves(
    people: Sequence[Person], before: Sequence[PersonPlacement], after: Sequence[PersonPlacement]
) -> dict[tuple[str, str], int]:
    """Count the clients that go from each node to another, most first."""
    moves: dict[tuple[str, str], int] = {}
    for person, old, new in zip(people, before, after, strict=True):
        if old.node != new.node:
            way = old.node or NO_NODE, new.node or NO_NODE
            moves[way] = moves.get(way, 0) + person.clients
    return dict(sorted(moves.items(), key=lambda each: (-each[1], each[0])))


def _latency(person: Person, placement: PersonPlacement) -> float | None:
    latencies: Mapping[str, float] = person.latencies_ms
    return None if placement.node is None else latencies.get(placement.node)


def _mean(weighted: Iterable[tuple[int, float | None]]) -> float | None:
    known = [(weight, value) for weight, value in weighted if value is not None]
    total = sum(weight for weight, _ in known)
    return math.fsum(weight * value for weight, value in known) / total if total else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
