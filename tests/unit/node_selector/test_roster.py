"""The roster answers as if it had looked at everybody anew, whatever was heard before."""

from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from services.node_selector.core.eligibility import refusal_reason
from services.node_selector.core.facts import DnsRank, End, Lookup, Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.panic import apply_panic
from services.node_selector.core.roster import Roster
from services.node_selector.core.selection import (
    build_placement_input,
    choose,
    choose_with_reasons,
    place,
)
from shared.documents.node import Location, NodeDocument
from shared.documents.selection import (
    Regions,
    Selection,
    SelectionMethod,
    SelectionOverride,
    SelectionPolicy,
    merged,
)
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole, Side
from tests.unit.node_selector.examples import VERSION, document

T = TypeVar("T")

NAMES = [NodeId(f"n{number}") for number in range(7)]
SITE = SiteDocument(name="s", selection=Selection(panic_threshold_percent=60))
NETWORKS = ["198.51.100.0/24", "198.51.100.0/25", "0.0.0.0/0", "2001:db8::/32"]
BERLIN = {"latitude": 52.5, "longitude": 13.4}
TOKYO = {"latitude": 35.7, "longitude": 139.7}
TRAFFIC, MASTER = NodeRole.TRAFFIC, NodeRole.MASTER


class World:
    """Heartbeats, silences, changes of the directory and questions, as a seed has them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.roster = Roster(VERSION)
        self.now = Instant(100.0)
        self.directory = {name: self.document() for name in NAMES}
        self.roster.update_directory(SITE, dict(self.directory))
        for name in NAMES:
            self.roster.record_relay(name, Load(0, draining=False, version=VERSION), self.now)
        self.rule, self.question = self.any_rule(), self.any_question()

    def step(self) -> None:
        pick = self.random.choice
        node = pick(NAMES)
        match pick(["speak", "speak", "speak", "wait", "change", "remove"]):
            case "speak":
                version = pick([VERSION, VERSION, VERSION, "9.0"])
                load = Load(
                    pick([0, 1, 2, 3]), draining=pick([False, False, True]), version=version
                )
                self.roster.record_relay(node, load, self.now)
            case "wait":
                self.now = Instant(self.now + pick([0.4, 1.6, 3.5]))
            case "change":
                self.directory[node] = self.document()
                self.roster.update_directory(SITE, dict(self.directory))
            case _:
                self.directory.pop(node, None)
                self.roster.update_directory(SITE, dict(self.directory))
        self.rule, self.question = self.any_rule(), self.any_question()

    def document(self) -> NodeDocument:
        pick = self.random.choice
        return document(
            region=pick(["", "eu", "us"]),
            timezone=pick([None, "+01:00", "Europe/Berlin", "Asia/Tokyo", "-08:00"]),
            location=pick([None, BERLIN, TOKYO]),
            prefixes=self.some(NETWORKS, 2),
            accepting_new_clients=pick([True, True, True, False]),
            capacity=pick([2, 10]),
            weight=pick([0, 1, 5]),
            role=pick([TRAFFIC, TRAFFIC, TRAFFIC, MASTER]),
        )

    def any_rule(self) -> Selection:
        pick = self.random.choice
        regions = [Regions(), Regions(affinity=("us", "eu")), Regions(exclude=("us",))]
        override = SelectionOverride.model_construct(
            methods=tuple(self.some(list(SelectionMethod), 3) or [SelectionMethod.RANDOM]),
            regions=pick(regions),
            policy=pick(list(SelectionPolicy)),
        )
        return merged(SITE.selection, override)

    def any_question(self) -> Question:
        pick = self.random.choice
        return Question(
            end=self.end(Side.CUSTOMER),
            other=pick([None, self.end(Side.REPRESENTATIVE)]),
            count=pick([1, 3, 9]),
            avoid=frozenset(self.some(NAMES, 2)),
            pin=pick([None, *NAMES]),
            current=pick([None, *NAMES]),
            chance=self.random.getrandbits(64),
            now=self.now,
        )

    def end(self, side: Side) -> End:
        pick = self.random.choice
        named = {name: DnsRank(pick([0, 1]), pick([0, 1, 5])) for name in self.some(NAMES, 4)}
        return End(
            address=pick(["198.51.100.7", "198.51.100.200", "2001:db8::1", "?"]),
            side=side,
            utc_offset_minutes=pick([None, 60, -480]),
            latencies_ms={name: pick([1.0, 5.0, 80.0]) for name in self.some(NAMES, 7)},
            latency_ages_seconds={name: pick([1.0, 500.0]) for name in self.some(NAMES, 3)},
            location=pick([None, Location(latitude=51.5, longitude=-0.1)]),
            lookups={
                SelectionMethod.A_RECORD: Lookup(named),
                SelectionMethod.SRV_RECORD: Lookup(named),
            },
        )

    def some(self, values: list[T], most: int) -> list[T]:
        return self.random.sample(values, self.random.randint(0, most))


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_answer_is_the_head_of_the_explanation(seed: int) -> None:
    world = World(seed)
    for _ in range(20):
        world.step()
        explained = place(
            world.question, build_placement_input(world.roster, world.rule, world.now)
        )
        chosen = choose(world.question, world.rule, world.roster)
        reasoned = choose_with_reasons(world.question, world.rule, world.roster)
        assert reasoned.chosen == chosen
        if chosen:
            assert chosen == explained.chosen
            assert reasoned.verdicts == explained.verdicts[: len(chosen)]
            assert (reasoned.method, reasoned.notes) == (explained.method, explained.notes)
        else:
            assert explained.fallback_to_primary or not explained.chosen


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_nobody_is_chosen_who_may_not_take_a_client(seed: int) -> None:
    world = World(seed)
    for _ in range(20):
        world.step()
        chosen = choose(world.question, world.rule, world.roster)
        everybody = world.roster.candidates(world.now)
        able = {
            each.node
            for each in apply_panic(everybody, world.rule.panic_threshold_percent)
            if refusal_reason(each, VERSION, world.rule.regions.exclude) is None
        }
        assert set(chosen) <= able
        assert len(set(chosen)) == len(chosen) == min(world.question.count, len(able))


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_nobody_dead_is_chosen_while_most_are_heard(seed: int) -> None:
    world = World(seed)
    for _ in range(20):
        world.step()
        status = {each.node: each.status for each in world.roster.candidates(world.now)}
        alive = [each is not None and each.liveness is Liveness.ALIVE for each in status.values()]
        if sum(alive) * 2 > len(status):
            for node in choose(world.question, world.rule, world.roster):
                found = status[node]
                assert found is not None
                assert found.liveness is Liveness.ALIVE


def roster(count: int) -> Roster:
    made = Roster(VERSION)
    made.update_directory(SITE, {NodeId(f"n{number}"): document() for number in range(count)})
    return made


def speak(roster: Roster, now: float, *numbers: int) -> None:
    for number in numbers:
        idle = Load(0, draining=False, version=VERSION)
        roster.record_relay(NodeId(f"n{number}"), idle, Instant(now))


def back_at(roster: Roster, now: float) -> dict[str, float | None]:
    return {str(each.node): each.back_at for each in roster.candidates(Instant(now))}


def test_a_node_heard_again_after_it_was_dead_came_back() -> None:
    here = roster(3)
    for second in range(10):
        speak(here, second, 0, 1)
        if second in {0, 5}:
            speak(here, second, 2)
    assert back_at(here, 9) == {"n0": None, "n1": None, "n2": 5}


def test_a_node_that_was_only_suspect_did_not_go_away() -> None:
    here = roster(2)
    for second in range(6):
        speak(here, second, 0)
        if second % 2:
            speak(here, second, 1)
    assert set(back_at(here, 5).values()) == {None}


def test_a_replica_that_was_deaf_does_not_take_everybody_for_new() -> None:
    here = roster(2)
    speak(here, 0, 0, 1)
    speak(here, 60, 0)
    speak(here, 60.4, 1)
    assert set(back_at(here, 61).values()) == {None}


def test_a_node_first_heard_long_after_the_others_came_back() -> None:
    here = roster(2)
    for second in range(6):
        speak(here, second, 0)
    speak(here, 5.5, 1)
    assert back_at(here, 6)["n1"] == 5.5


def test_nobody_heard_at_all_is_a_lost_feed_from_when_a_node_would_be_dead() -> None:
    here = roster(2)
    assert here.feed_lost_seconds(Instant(50)) is None, "nobody was ever heard"
    speak(here, 0, 0)
    assert here.feed_lost_seconds(Instant(2.9)) is None
    assert here.feed_lost_seconds(Instant(3)) == 3


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 2)), max_size=30))
def test_who_fell_silent_is_reported_once(words: list[tuple[NodeId, float]]) -> None:
    here, now = Roster(VERSION), 0.0
    last: dict[NodeId, float] = {}
    silent_nodes: set[NodeId] = set()
    for node, pause in words:
        now += pause
        for silent in here.live.take_newly_silent(Instant(now), 1.5):
            assert now - last[silent] >= 1.5
            assert silent not in silent_nodes
            silent_nodes.add(silent)
        here.record_relay(node, Load(0, draining=False, version=VERSION), Instant(now))
        last[node] = now
        silent_nodes.discard(node)
    assert silent_nodes == set(filter(here.live.is_silent, NAMES))
