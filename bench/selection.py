"""Node selection: rankings in one process, how evenly they fall, and questions over the broker.

What runs in one process is timed by the processor time of its thread, so that a machine with other
work measures the ranking and not the waiting. Each part is a function that adds rows; a new one is
one more line in `bench.__main__`.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from heapq import nsmallest
from typing import Final

from bench.results import Results
from bench.selection_population import Population, Shape
from services.node_selector.core.facts import Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.selection import (
    build_placement_input,
    choose,
    choose_with_reasons,
    place,
)
from shared.crypto.keyring import derive_keys, make_psk
from shared.crypto.tickets import issue_ticket
from shared.documents.selection import Selection, SelectionMethod
from shared.domain.ids import ClusterId, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits

SUBJECT: Final = "meridian"
PLAIN: Final = "every node hashed"
PLAIN_QUESTIONS: Final = 40
ROUNDS: Final = 7
TURNS: Final = 41
"""So often each method has its turn: a machine that is slower for some seconds is so for all."""

QUESTIONS: Final = 2_000
NODES: Final = (10, 100, 1_000, 10_000)
PREFIXES: Final = (100, 10_000, 1_000_000)
CLIENTS: Final = 1_000_000
EQUAL_NODES: Final = 100
ALL: Final = (
    SelectionMethod.RANDOM,
    SelectionMethod.TIMEZONE_OFFSET,
    SelectionMethod.LEAST_LOAD,
    SelectionMethod.LATENCY,
    SelectionMethod.GEO,
    SelectionMethod.CONSISTENT,
)
"""The methods that need nobody outside; DNS is measured beside its peers."""

Ask = Callable[[Question], object]


@dataclass
class Row:
    """How fast *asked* are ranked, beside the plain way in the same turns, and the slowest."""

    name: str
    asked: Sequence[Question]
    ask: Ask
    rates: list[float] = field(default_factory=list[float])
    plain: list[float] = field(default_factory=list[float])
    worst: list[float] = field(default_factory=list[float])

    def turn(self, plain: Ask) -> None:
        few = self.asked[:PLAIN_QUESTIONS]
        self.rates.append(len(self.asked) / _round(self.asked, self.ask))
        self.plain.append(len(few) / _round(few, plain))
        self.worst.append(_p99(_times(self.asked, self.ask)))

    def add_to(self, results: Results) -> None:
        measure = f"selections per second: {self.name}"
        results.add(measure, PLAIN, self.plain, "1/s")
        results.add(measure, SUBJECT, self.rates, "1/s", PLAIN)
        results.add(f"selection p99: {self.name}", SUBJECT, self.worst, "us")


def rankings(results: Results) -> None:
    """Rankings a second by each method, and of clients in a prefix, with 1,000 nodes."""
    here = Population(Shape())
    cases = [(method.value, here.questions(QUESTIONS), _rule(method)) for method in ALL]
    cases.append(("prefix hit", here.questions(QUESTIONS, in_prefix=True), Selection()))
    rows = [Row(name, asked, _choosing(here, rule)) for name, asked, rule in cases]
    for row in rows:
        _round(row.asked, row.ask)
    plain = _hashing(here)
    for _ in range(TURNS):
        for row in rows:
            row.turn(plain)
    for row in rows:
        row.add_to(results)


def sizes(results: Results) -> None:
    """The same with other numbers of nodes and of prefixes."""
    for nodes in NODES:
        here = Population(Shape(nodes=nodes))
        for method in (SelectionMethod.RANDOM, SelectionMethod.TIMEZONE_OFFSET):
            asked, rule = here.questions(QUESTIONS), _rule(method)
            _rate(
                results,
                f"selections per second: {method}, {nodes:,} nodes",
                asked,
                _choosing(here, rule),
            )
    for prefixes in PREFIXES:
        here = Population(Shape(prefixes=prefixes))
        _rate(
            results,
            f"selections per second: prefix hit, {prefixes:,} prefixes",
            here.questions(QUESTIONS, in_prefix=True),
            _choosing(here, Selection()),
        )


def around(results: Results) -> None:
    """What goes with a ranking: reasons, tickets, a full explanation, a heartbeat."""
    here = Population(Shape())
    rule, asked = Selection(), here.questions(QUESTIONS)
    roster = here.roster
    _cost(
        results, "ranking with reasons", asked, lambda each: choose_with_reasons(each, rule, roster)
    )
    _cost(results, "three tickets", asked, _tickets())
    _cost(
        results,
        "full explanation, 1,000 nodes",
        asked[:20],
        lambda each: place(each, build_placement_input(roster, rule, each.now)),
    )
    loads = [Load(number % 50, draining=False, version="1.0") for number in range(QUESTIONS)]
    spoken = iter([*loads] * ROUNDS * 2)
    names = list(here.nodes)
    _cost(
        results,
        "heartbeat",
        asked,
        lambda each: roster.record_relay(names[each.chance % len(names)], next(spoken), each.now),
    )


def balance(results: Results) -> None:
    """How evenly a million clients fall on a hundred equal nodes, and who moves when one leaves."""
    here = Population(Shape(nodes=EQUAL_NODES, prefixes=0, zones=1, capacity=CLIENTS))
    tied = _rule(SelectionMethod.TIMEZONE_OFFSET)
    shares = _shares(here, tied, CLIENTS)
    _plain(results, "balance: rendezvous", max(shares.values()) * len(shares) / CLIENTS, "x mean")
    _plain(results, "balance: least_load", _by_load(here), "x mean")
    same, some = _rule(SelectionMethod.CONSISTENT), here.questions(QUESTIONS)
    before = [choose(each, same, here.roster)[0] for each in some]
    gone = before[0]
    here.without(gone)
    after = [choose(each, same, here.roster)[0] for each in some]
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    others = sum(old != gone for old in moved)
    _plain(results, "moved: consistent", len(moved) / len(some) * EQUAL_NODES, "x its own share")
    _plain(results, "moved: consistent, clients of others", others, "")


def _by_load(here: Population) -> float:
    """Max over mean of the sessions that the nodes hold when every client was placed.

    Nodes tell their load every 1,000 clients only, as heartbeats would.
    """
    rule, sessions = _rule(SelectionMethod.LEAST_LOAD), Counter[NodeId]()
    for number, each in enumerate(here.stream(CLIENTS)):
        sessions[choose(replace(each, count=1), rule, here.roster)[0]] += 1
        if number % 1_000 == 0:
            for node in here.nodes:
                load = Load(sessions[node], draining=False, version="1.0")
                here.roster.record_relay(node, load, Instant(0.0))
    return max(sessions.values()) * EQUAL_NODES / CLIENTS


def _shares(here: Population, rule: Selection, clients: int) -> Counter[NodeId]:
    return Counter(
        choose(replace(each, count=1), rule, here.roster)[0] for each in here.stream(clients)
    )


def _choosing(here: Population, rule: Selection) -> Ask:
    return lambda question: choose(question, rule, here.roster)


def _hashing(here: Population) -> Ask:
    """The plain way: every node is hashed with the client, and the best three are taken."""
    nodes = [node.encode() for node in here.nodes]

    def ask(question: Question) -> object:
        client = question.end.address.encode()
        return nsmallest(3, (sha256(client + node).digest() for node in nodes))

    return ask


def _rule(method: SelectionMethod) -> Selection:
    return Selection(methods=(method,))


def _tickets() -> Callable[[Question], object]:
    """What a gateway seals for one end: a ticket for each of three nodes."""
    keys = derive_keys(make_psk(), ClusterId("bench"))
    limits, expires = TicketLimits(0, 0), UnixMillis(2**41)

    def seal(question: Question) -> object:
        session = SessionId(str(question.chance))
        return [
            issue_ticket(
                keys,
                Ticket(session, Side.CUSTOMER, NodeId(name), PathGeneration(at), expires, limits),
            )
            for at, name in enumerate(("berlin", "denver", "tokyo"), start=1)
        ]

    return seal


def _rate(results: Results, measure: str, asked: Sequence[Question], ask: Ask) -> None:
    _round(asked, ask)
    results.add(measure, SUBJECT, [len(asked) / _round(asked, ask) for _ in range(ROUNDS)], "1/s")


def _cost(results: Results, what: str, asked: Sequence[Question], ask: Ask) -> None:
    _round(asked, ask)
    costs = [_round(asked, ask) / len(asked) * 1e6 for _ in range(ROUNDS)]
    results.add(f"selection cost: {what}", SUBJECT, costs, "us")


def _round(asked: Sequence[Question], ask: Ask) -> float:
    """Seconds of processor time for all."""
    began = time.thread_time()
    for each in asked:
        ask(each)
    return time.thread_time() - began


def _times(asked: Sequence[Question], ask: Ask) -> list[float]:
    """Microseconds of processor time for each, the clock's own reading included."""
    times: list[float] = []
    for each in asked:
        began = time.thread_time_ns()
        ask(each)
        times.append((time.thread_time_ns() - began) / 1_000)
    return times


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def _plain(results: Results, measure: str, value: float, unit: str) -> None:
    results.add(measure, SUBJECT, [value], unit)
