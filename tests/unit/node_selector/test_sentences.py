"""The semantics of node selection, sentence by sentence: facts, who is chosen, and the explanation.

Sentences of `docs/protocols/selection.md` are quoted as they stand there. The others are what
administrators of such sites expect of the settings of a node and of the methods.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import DnsRank, End, Lookup, Question
from services.node_selector.core.selection import (
    RETRY_AFTER_SECONDS,
    Placement,
    PlacementInput,
    place,
    require_node,
)
from shared.documents.node import Address, Location
from shared.documents.selection import LatencyRule, Regions, SelectionMethod, SelectionPolicy
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole, Side
from tests.unit.node_selector.examples import candidate, field, master, question, status

DOCUMENT: Final = Path(__file__).parents[3] / "docs/protocols/selection.md"
JULY: Final = 196 * 86_400_000 + 10 * 365 * 86_400_000
DEAD: Final = status(Liveness.DEAD)
BERLIN, DENVER, TOKYO = NodeId("berlin"), NodeId("denver"), NodeId("tokyo")
A, SRV, CAST, ZONE, LATENCY, LOAD, GEO, SAME, RANDOM = (
    SelectionMethod.A_RECORD,
    SelectionMethod.SRV_RECORD,
    SelectionMethod.IP_ANYCAST,
    SelectionMethod.TIMEZONE_OFFSET,
    SelectionMethod.LATENCY,
    SelectionMethod.LEAST_LOAD,
    SelectionMethod.GEO,
    SelectionMethod.CONSISTENT,
    SelectionMethod.RANDOM,
)
LONDON, PARIS = Location(latitude=51.5, longitude=-0.1), Location(latitude=48.9, longitude=2.4)
SYDNEY = Location(latitude=-33.9, longitude=151.2)


@dataclass(frozen=True)
class Row:
    """What a *sentence* means for *nodes* when *asked* is asked under a rule.

    *chosen* begins the answer; no node is chosen when it is empty. The explanation holds *shown*.
    """

    sentence: str
    nodes: Sequence[Candidate]
    chosen: tuple[str, ...]
    shown: str
    asked: Question
    rule: dict[str, Any]

    @property
    def field(self) -> PlacementInput:
        return field(self.nodes, **self.rule)


def row(
    sentence: str,
    nodes: Sequence[Candidate],
    chosen: tuple[str, ...],
    shown: str,
    asked: Question | None = None,
    **rule: Any,
) -> Row:
    return Row(sentence, nodes, chosen, shown, asked or question(), rule)


def here(**facts: Any) -> Question:
    return question(end=End("198.51.100.7", **facts))


def pair(customer: dict[str, Any], representative: dict[str, Any]) -> Question:
    other = End("203.0.113.9", Side.REPRESENTATIVE, **representative)
    return question(end=End("198.51.100.7", **customer), other=other)


def zones(**offsets: str) -> list[Candidate]:
    return [candidate(name, timezone=offset) for name, offset in offsets.items()]


def silent(*names: str) -> list[Candidate]:
    return [candidate(name, status=DEAD) for name in names]


def back(node: Candidate, at: float) -> Candidate:
    node.back_at = Instant(at)
    return node


def ms(**latencies: float) -> dict[NodeId, float]:
    return {NodeId(name): value for name, value in latencies.items()}


OTHER = candidate(TOKYO)
MOST_NODES = [
    candidate(BERLIN, location=PARIS, status=status(sessions=9)),
    candidate(DENVER, location=PARIS, status=status(sessions=1)),
    candidate(TOKYO, location=SYDNEY),
]

WHO_MAY = [
    row(
        "A switch takes a node out for new clients at once.",
        [candidate(BERLIN, accepting_new_clients=False), OTHER],
        (TOKYO,),
        "not accepting new clients",
    ),
    row(
        "A node without a public address can be given to nobody.",
        [candidate(BERLIN, public_address=None), OTHER],
        (TOKYO,),
        "no public address",
    ),
    row(
        "A node is chosen only when it is alive.",
        [*silent(BERLIN), OTHER],
        (TOKYO,),
        "dead: silent for 2.0 s",
    ),
    row(
        "heard within `suspect_after_seconds`",
        [candidate(BERLIN, status=status(Liveness.SUSPECT)), OTHER],
        (TOKYO,),
        "suspect: silent for 2.0 s",
    ),
    row(
        "A node that drains takes no new client.",
        [candidate(BERLIN, status=status(draining=True)), OTHER],
        (TOKYO,),
        "draining",
    ),
    row(
        "A node that is full takes no new client.",
        [candidate(BERLIN, capacity=3, status=status(sessions=3)), OTHER],
        (TOKYO,),
        "full: 3 of 3 sessions",
    ),
    row(
        "of a version that goes with the site's",
        [candidate(BERLIN, status=status(version="2.0")), OTHER],
        (TOKYO,),
        "version 2.0 does not go with 1.2.0",
    ),
    row(
        "outside of the excluded regions",
        [candidate(BERLIN, region="eu"), candidate(TOKYO, region="asia")],
        (TOKYO,),
        "region 'eu' is excluded",
        regions=Regions(exclude=("eu",)),
    ),
    row(
        "Only a node that may take the client is ever chosen: a traffic node",
        [candidate(BERLIN, role=NodeRole.WITNESS), OTHER],
        (TOKYO,),
        "a witness, not a traffic node",
    ),
]

WHAT_GOES_FIRST = [
    row(
        "A network address prefix wins over the method.",
        [candidate(BERLIN, timezone="+01:00"), candidate(TOKYO, "198.51.100.0/24")],
        (TOKYO, BERLIN),
        "network 198.51.100.0/24",
        question(offset=60),
        method=ZONE,
    ),
    row(
        "the longest network address prefix",
        [candidate(BERLIN, "198.51.0.0/16"), candidate(TOKYO, "198.51.100.0/24")],
        (TOKYO, BERLIN),
        "network 198.51.0.0/16",
    ),
    row(
        "Among nodes with the same prefix the method decides.",
        [
            candidate(TOKYO, "198.51.100.0/24", timezone="+09:00"),
            candidate(BERLIN, "198.51.100.0/24", timezone="+01:00"),
            candidate(DENVER, timezone="+01:00"),
        ],
        (BERLIN, TOKYO, DENVER),
        "60 minutes",
        question(offset=0),
        method=ZONE,
    ),
    row(
        "A client that matches no prefix is placed by the method.",
        [candidate(BERLIN, "203.0.113.0/24", capacity=20)],
        (BERLIN,),
        "random, weight 20",
    ),
    row(
        "in this order: the pin; the longest network address prefix",
        [candidate(BERLIN), candidate(TOKYO, "198.51.100.0/24")],
        (BERLIN, TOKYO),
        "pinned",
        question(pin=BERLIN),
    ),
    row(
        "the longest network address prefix; the preferred regions",
        [candidate(BERLIN, region="eu"), candidate(TOKYO, "198.51.100.0/24", region="asia")],
        (TOKYO, BERLIN),
        "preferred region eu",
        regions=Regions(affinity=("eu",)),
    ),
    row(
        "the preferred regions; the methods, the first before the second",
        [
            candidate(BERLIN, region="eu", timezone="+01:00"),
            candidate(TOKYO, region="asia", timezone="+09:00"),
        ],
        (TOKYO, BERLIN),
        "preferred region asia",
        question(offset=60),
        method=ZONE,
        regions=Regions(affinity=("asia",)),
    ),
    row(
        "Nodes to be avoided come last.",
        [candidate(BERLIN, "198.51.100.0/24"), OTHER],
        (TOKYO, BERLIN),
        "to be avoided",
        question(avoid=frozenset({BERLIN})),
    ),
    row(
        "comes first as long as it may take the session",
        [candidate(BERLIN, status=status(draining=True)), OTHER],
        (TOKYO,),
        "pinned to berlin, which is passed over: draining",
        question(pin=BERLIN),
    ),
    row(
        "is not what the session must get away from. If not, a note gives the reason",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "pinned to berlin, which is passed over: to be avoided",
        question(pin=BERLIN, avoid=frozenset({BERLIN})),
    ),
]

METHODS = [
    row(
        "drawn by capacity \N{MULTIPLICATION SIGN} weight",
        [candidate(BERLIN, capacity=20, weight=3), candidate(TOKYO, weight=0)],
        (BERLIN, TOKYO),
        "random, weight 60",
    ),
    row(
        "the less full of two that are drawn",
        [candidate(BERLIN, status=status(sessions=9)), candidate(TOKYO, status=status(sessions=2))],
        (TOKYO, BERLIN),
        "9 of 1000 sessions; drawn for comparison",
        method=LOAD,
    ),
    row(
        "the client's own node, shared by capacity \N{MULTIPLICATION SIGN} weight",
        [candidate(BERLIN)],
        (BERLIN,),
        "always the same for 198.51.100.7",
        method=SAME,
    ),
    row(
        "the nearest clock, the shorter way around the day",
        zones(berlin="+13:00", tokyo="-08:00"),
        (BERLIN, TOKYO),
        "0 minutes around the clock (+13:00, customer -11:00)",
        question(offset=-660),
        method=ZONE,
    ),
    row(
        "The offset of a client is matched with the nearest node that is available.",
        [
            candidate(BERLIN, timezone="+01:00", status=status(draining=True)),
            *zones(tokyo="+09:00"),
        ],
        (TOKYO,),
        "480 minutes",
        question(offset=60),
        method=ZONE,
    ),
    row(
        "daylight saving by zone",
        zones(tokyo="+01:00", berlin="Europe/Berlin"),
        (BERLIN, TOKYO),
        "0 minutes around the clock (+02:00",
        question(offset=120, at=JULY),
        method=ZONE,
    ),
    row(
        "Offsets of halves and quarters of an hour are offsets like others.",
        zones(tokyo="+05:30", berlin="+05:45"),
        (BERLIN, TOKYO),
        "15 minutes around the clock (+05:30, customer +05:45)",
        question(offset=345),
        method=ZONE,
    ),
    row(
        "the least that was measured",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "12.5 ms from the customer",
        here(latencies_ms=ms(berlin=80, tokyo=12.5)),
        method=LATENCY,
    ),
    row(
        "the least great-circle distance, in kilometres",
        [candidate(TOKYO, location=SYDNEY), candidate(BERLIN, location=PARIS)],
        (BERLIN, TOKYO),
        "339 km",
        here(location=LONDON),
        method=GEO,
    ),
    row(
        "who is named, by public address",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "a_record: 192.0.2.1 from ns1",
        here(lookups={A: Lookup({TOKYO: DnsRank()}, basis="192.0.2.1 from ns1")}),
        method=A,
    ),
    row(
        "by priority, then drawn by weight",
        [candidate(BERLIN), OTHER, candidate(DENVER)],
        (DENVER, TOKYO, BERLIN),
        "priority 20, weight 5",
        here(
            lookups={
                SRV: Lookup({BERLIN: DnsRank(30), TOKYO: DnsRank(20, 5), DENVER: DnsRank(10, 1)})
            }
        ),
        method=SRV,
    ),
    row(
        "the network chooses behind the shared address; the methods behind it name alternates",
        [candidate(BERLIN, status=status(sessions=5)), OTHER],
        (TOKYO, BERLIN),
        "the network chooses behind 192.0.2.1; 5 of 1000",
        method=(CAST, LOAD),
        ip_anycast=Address(host="192.0.2.1", port=443),
    ),
    row(
        "takes the nearest place, and in it the less loaded of two.",
        MOST_NODES,
        (DENVER, BERLIN, TOKYO),
        "339 km; 1 of 1000 sessions",
        here(location=LONDON),
        method=(GEO, LOAD),
    ),
    row(
        "What a method sees no difference between, or knows nothing of, goes to the next one.",
        [candidate(BERLIN, status=status(sessions=5)), OTHER],
        (TOKYO, BERLIN),
        "timezone_offset failed: the UTC offset of the customer is unknown; least_load decided",
        method=(ZONE, LOAD),
    ),
    row(
        "A lookup that fails leaves it to the next method, and that is said.",
        zones(tokyo="+09:00", berlin="+01:00"),
        (BERLIN, TOKYO),
        "a_record failed: NXDOMAIN; timezone_offset decided",
        here(utc_offset_minutes=60, lookups={A: Lookup(failure="NXDOMAIN")}),
        method=(A, ZONE),
    ),
    row(
        "Whatever does not work is a sentence in the answer, never an error to a client.",
        [candidate(BERLIN)],
        (BERLIN,),
        "customer: a UTC offset of 99 hours was left out",
        here(left_out=("a UTC offset of 99 hours was left out",)),
    ),
]

BOTH_ENDS = [
    row(
        "`pair` the sum of both",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "30.0 ms from the customer + 20.0 ms from the representative",
        pair({"latencies_ms": ms(berlin=1, tokyo=30)}, {"latencies_ms": ms(berlin=90, tokyo=20)}),
        method=LATENCY,
        policy=SelectionPolicy.PAIR,
    ),
    row(
        "`policy: customer` or `representative` makes that end's path short",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "20.0 ms from the representative",
        pair({"latencies_ms": ms(berlin=1, tokyo=90)}, {"latencies_ms": ms(berlin=90, tokyo=20)}),
        method=LATENCY,
        policy=SelectionPolicy.REPRESENTATIVE,
    ),
    row(
        "An end of which a method knows nothing is left out of the sum",
        zones(berlin="+01:00", tokyo="+09:00"),
        (TOKYO, BERLIN),
        "0 minutes around the clock (+09:00, representative +09:00)",
        pair({}, {"utc_offset_minutes": 540}),
        method=ZONE,
        policy=SelectionPolicy.PAIR,
    ),
    row(
        "a node that only one of two measuring ends measured is unknown",
        [candidate(BERLIN), OTHER],
        (TOKYO, BERLIN),
        "1.0 ms from the customer",
        pair({"latencies_ms": ms(berlin=1, tokyo=300)}, {"latencies_ms": ms(tokyo=300)}),
        method=LATENCY,
        policy=SelectionPolicy.PAIR,
    ),
    row(
        "While the end that counts is not there yet, the other one does, and a note says so.",
        zones(berlin="+01:00", tokyo="+09:00"),
        (BERLIN, TOKYO),
        "policy representative: only the customer is known yet",
        question(offset=60),
        method=ZONE,
        policy=SelectionPolicy.REPRESENTATIVE,
    ),
    row(
        "keeps the node that the session has unless another is nearer by `hysteresis_ms`",
        [candidate(BERLIN), OTHER],
        (BERLIN, TOKYO),
        "40.0 ms from the customer (it has the session)",
        replace(here(latencies_ms=ms(berlin=40, tokyo=31)), current=BERLIN),
        method=LATENCY,
        latency=LatencyRule(hysteresis_ms=10),
    ),
]

LIVE_STATE = [
    row(
        "begins with 5 % of its weight",
        [back(candidate(BERLIN), 100)],
        (BERLIN,),
        "random, weight 1000, 5% of it while it comes back",
        question(now=Instant(100)),
    ),
    row(
        "has all of it after `slow_start_seconds`",
        [back(candidate(BERLIN), 100), candidate(TOKYO, weight=0)],
        (BERLIN, TOKYO),
        "random, weight 1000",
        question(now=Instant(130)),
    ),
    row(
        "Once `panic_threshold_percent` of all relays are silent",
        [*silent(BERLIN), master("alpha", DEAD), master("bravo", DEAD)],
        (BERLIN,),
        "nearly every relay seems silent, which is not believed; random",
    ),
    row(
        "of at least three",
        silent(BERLIN, DENVER),
        (),
        "dead: silent for 2.0 s",
        fallback=0,
    ),
    row(
        "The last heartbeat of each counts then, those that are still heard come first",
        [*silent(*(f"n{number}" for number in range(9))), OTHER],
        (TOKYO,),
        "nearly every relay seems silent, which is not believed; random",
    ),
    row(
        "Nobody eligible: the primary's own relay, up to `maximum_client_fallback_to_primary`",
        [candidate(BERLIN, status=status(draining=True)), master("alpha", status(sessions=9))],
        ("alpha",),
        "fallback to the primary, for at most 10 sessions",
        primary="alpha",
    ),
    row(
        "then a refusal with the reasons and a time to come back",
        [candidate(BERLIN, status=status(draining=True)), master("alpha", status(sessions=10))],
        (),
        "berlin (draining); the primary alpha cannot stand in (full: 10 of 10 sessions)",
        primary="alpha",
    ),
]

ROWS = [*WHO_MAY, *WHAT_GOES_FIRST, *METHODS, *BOTH_ENDS, *LIVE_STATE]


def explanation_of(placement: Placement) -> str:
    reasons = (each.reason for each in placement.verdicts)
    return "\n".join((*reasons, *placement.notes, placement.refused_because))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_the_sentence_is_true(row: Row) -> None:
    for chance in range(20):
        placement = place(replace(row.asked, chance=chance), row.field)
        assert placement.chosen[: len(row.chosen) or None] == row.chosen
        assert row.shown in explanation_of(placement)
        assert len({each.node for each in placement.verdicts}) == len(placement.verdicts)
        if not row.chosen:
            with pytest.raises(NoTrafficNode) as caught:
                require_node(placement)
            assert caught.value.attributes["retry_after_seconds"] == RETRY_AFTER_SECONDS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_a_sentence_that_is_no_whole_sentence_is_a_quotation(row: Row) -> None:
    text = " ".join(DOCUMENT.read_text().split())
    is_ours = row.sentence[0].isupper() and row.sentence.endswith(".")
    assert is_ours or row.sentence in text


def test_equal_nodes_are_shared_by_the_hash_of_the_client_and_each_client_keeps_its_own() -> None:
    nodes = zones(berlin="+01:00", tokyo="Europe/Paris")
    firsts = {
        place(question(f"198.51.100.{number}", offset=60, chance=chance), rule).chosen[0]: number
        for rule in (field(nodes, method=ZONE), field(nodes[::-1], method=ZONE))
        for number in range(20)
        for chance in range(3)
    }
    assert set(firsts) == {BERLIN, TOKYO}
    for number in range(20):
        asked = question(f"198.51.100.{number}", offset=60)
        rules = (field(nodes, method=ZONE), field(nodes[::-1], method=ZONE))
        answers = {
            place(replace(asked, chance=chance), rule).chosen for rule in rules for chance in (1, 2)
        }
        assert len(answers) == 1


def test_the_state_feed_is_lost_when_nobody_at_all_was_heard() -> None:
    rule = replace(field([candidate(BERLIN)]), feed_lost_seconds=7.0)
    assert "state feed lost since 7 s: nobody is heard" in explanation_of(place(question(), rule))
