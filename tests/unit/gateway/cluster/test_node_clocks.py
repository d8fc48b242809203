"""Which clocks the gateway asks, how often, whose is off, and what is emitted of it."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from services.gateway.cluster.clock_reader import ClockReader
from services.gateway.cluster.core.node_clocks import (
    AT_ONCE,
    OFTEN_SECONDS,
    RIGHT_MS,
    SELDOM_SECONDS,
    SERVICES,
    ClockNews,
    ClockQuestions,
    attribute_offsets,
    choose_clocks,
)
from services.gateway.cluster.status_notifier import StatusNotifier
from shared.documents import Kind
from shared.domain.clock_offset import ALERT_MS, ClockName, ClockOffset, MeasuredClock
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from shared.events.clock import ReadClock
from shared.events.failover import MasterGranted
from shared.events.message import Done, Message, Request
from shared.events.node import ClockChanged, NodeHeartbeat, NodeStateChanged
from tests.fakes.responder import Responder
from tests.unit.gateway.conftest import BOOT, InMemoryGateway, People

ALPHA, BRAVO, BERLIN, TOKYO = map(NodeId, ("alpha", "bravo", "berlin", "tokyo"))
OWN = (ALPHA, "gateway")
BERLINS = {BERLIN: ("relay", "replication")}
RELAY, REPLICATION = (BERLIN, "relay"), (BERLIN, "replication")
NONE = frozenset[ClockName]()


def measured(ahead_ms: int, service: str = "relay") -> MeasuredClock:
    return MeasuredClock(service, ahead_ms, 1, 0)


def test_every_service_of_a_live_node_is_asked_and_who_speaks_for_a_silent_one() -> None:
    roles = {ALPHA: NodeRole.MASTER, BERLIN: NodeRole.TRAFFIC, TOKYO: NodeRole.TRAFFIC}
    chosen = choose_clocks(roles, {ALPHA: Liveness.DEAD, BERLIN: Liveness.ALIVE, TOKYO: None})
    assert chosen == {
        ALPHA: ("failover_monitor",),
        BERLIN: ("relay", "replication"),
        TOKYO: ("relay",),
    }


def test_who_answers_is_asked_once_a_minute() -> None:
    questions = ClockQuestions(OWN)
    assert questions.due(BERLINS, NONE, Instant(1)) == (RELAY, REPLICATION)
    for clock in (RELAY, REPLICATION):
        questions.record(clock, answered=True)
    assert questions.due(BERLINS, NONE, Instant(SELDOM_SECONDS)) == ()
    assert questions.due(BERLINS, NONE, Instant(1 + SELDOM_SECONDS)) == (RELAY, REPLICATION)


def test_a_clock_that_is_off_or_suspected_is_asked_at_once_and_then_often() -> None:
    questions = ClockQuestions(OWN)
    questions.due(BERLINS, NONE, Instant(1))
    urgent = frozenset({RELAY})
    assert questions.due(BERLINS, urgent, Instant(OFTEN_SECONDS)) == ()
    assert questions.due(BERLINS, urgent, Instant(1 + OFTEN_SECONDS)) == (RELAY,)
    assert questions.due(BERLINS, urgent, Instant(1 + OFTEN_SECONDS)) == ()


def test_who_gives_no_answer_is_asked_less_and_less_often() -> None:
    questions, asked, wanted = ClockQuestions(OWN), list[int](), {TOKYO: ("relay",)}
    for at in range(1, 400):
        for clock in questions.due(wanted, NONE, Instant(at)):
            questions.record(clock, answered=False)
            asked.append(at)
    pauses = [later - before for before, later in pairwise(asked)]
    assert pauses == [5, 10, 20, 40, 60, 60, 60, 60, 60]


def test_a_large_site_is_asked_few_at_a_time_and_nobody_is_left_out() -> None:
    wanted = {NodeId(f"n{number}"): SERVICES[NodeRole.TRAFFIC] for number in range(50)}
    questions, asked = ClockQuestions(OWN), list[ClockName]()
    urgent = frozenset({(NodeId("n9"), "replication")})
    for step in range(40):
        due = questions.due(wanted, urgent, Instant(1 + step / 2))
        assert len(due) <= AT_ONCE
        for each in due:
            questions.record(each, answered=True)
        asked += due
    assert asked[0] in urgent
    assert set(asked) == {(node, each) for node, services in wanted.items() for each in services}
    assert len([each for each in asked if each not in urgent]) == 99


def test_the_gateway_does_not_ask_itself_nor_names_that_no_node_has() -> None:
    questions = ClockQuestions(OWN)
    invented = frozenset({(NodeId("nowhere"), "relay")})
    assert questions.due({ALPHA: ("gateway", "relay")}, invented, Instant(1)) == ((ALPHA, "relay"),)


@pytest.mark.parametrize(
    ("found", "off"),
    [
        ({BERLIN: 40_000, TOKYO: 10, BRAVO: -10}, {BERLIN: 40_000}),
        ({BERLIN: 40_000}, {BERLIN: 40_000}),
        ({ALPHA: 0, BERLIN: 40_000, TOKYO: 41_000}, {ALPHA: -40_000}),
        ({ALPHA: 40_500, BERLIN: 40_000}, {ALPHA: -40_000}),
        ({BERLIN: 40_000, TOKYO: -41_000}, {BERLIN: 40_000, TOKYO: -41_000}),
        ({}, {}),
    ],
)
def test_where_everybody_elses_clock_is_off_it_is_ours(
    found: dict[NodeId, int], off: dict[NodeId, int]
) -> None:
    clocks = attribute_offsets(ALPHA, {node: measured(ahead) for node, ahead in found.items()})
    assert {node: each.ahead_ms for node, each in clocks.items() if each.is_off} == off


def test_a_clock_is_reported_when_it_is_off_and_when_it_is_right_again_and_never_flips() -> None:
    news = ClockNews()
    emitted = list[tuple[int, bool]]()
    offsets = (0, ALERT_MS - 1, ALERT_MS, RIGHT_MS, ALERT_MS, RIGHT_MS, RIGHT_MS - 1, RIGHT_MS)
    for ahead in offsets:
        events = news.update({BERLIN: measured(ahead)}, is_primary=True)
        emitted += [(each.ahead_ms, each.is_off) for each in events]
    assert emitted == [(ALERT_MS, True), (RIGHT_MS - 1, False)]


def test_only_the_primary_reports_a_clock() -> None:
    news = ClockNews()
    assert list(news.update({BERLIN: measured(-40_000)}, is_primary=False)) == []


@dataclass
class Clocks(Responder):
    """Answers for the services that are there."""

    there: set[ClockName]
    asked: list[ClockName] = field(default_factory=list[ClockName])

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        del timeout_seconds
        assert isinstance(request, ReadClock)
        clock = (request.node, request.service)
        self.asked.append(clock)
        if clock in self.there:
            return Done()
        raise Unavailable("nobody answered")


async def with_berlin(fake: InMemoryGateway, *, is_alive: bool) -> None:
    fake.site.revision += 1
    fake.site.write(Kind.NODE, BERLIN, {"role": "traffic"})
    await fake.state.directory.read()
    beat = NodeHeartbeat(node=BERLIN, service="relay", version="1", started_unix_ms=0)
    fake.state.observed.record_heartbeat(beat, fake.clock.now())
    fake.clock.at += 0.0 if is_alive else 60.0


async def test_the_gateway_asks_whom_it_should_and_remembers_who_did_not_answer(
    fake: InMemoryGateway,
) -> None:
    site = Clocks({RELAY})
    reader = ClockReader(fake.gateway.cluster, site)
    await reader.ask_due()
    assert site.asked == []
    await with_berlin(fake, is_alive=True)
    await reader.ask_due()
    assert site.asked == [RELAY, REPLICATION]
    fake.clock.at += OFTEN_SECONDS
    await with_berlin(fake, is_alive=True)
    await reader.ask_due()
    assert site.asked[2:] == [REPLICATION]


async def test_a_dead_relay_whose_clock_is_40_s_off_is_dead_with_a_word_of_its_clock(
    people: People,
) -> None:
    fake = people.fake
    await with_berlin(fake, is_alive=False)
    now = fake.clock.now()
    fake.state.offsets.record(RELAY, ClockOffset(40_000, 1, now))
    until = now + 100
    fake.state.grant.offer(
        MasterGranted(node=ALPHA, epoch=Epoch(1), boot_id=BOOT, valid_until=until)
    )
    StatusNotifier(fake.gateway.cluster, fake.gateway.local, fake.facts).check()
    (dead,) = (each for each in fake.facts.kept if isinstance(each, NodeStateChanged))
    (clock,) = (each for each in fake.facts.kept if isinstance(each, ClockChanged))
    nodes = (await (await people.admin()).get("/status")).json()["nodes"]
    berlin = next(each for each in nodes if each["node"] == BERLIN)

    assert dead.cause.endswith("; its clock is 40 s ahead (measured 0 s ago)")
    assert (clock.node, clock.ahead_ms, clock.is_off) == (BERLIN, 40_000, True)
    assert (berlin["liveness"], berlin["clock"]["ahead_ms"]) == ("dead", 40_000)


async def test_a_live_node_that_is_6_s_off_is_warned_of(people: People) -> None:
    await with_berlin(people.fake, is_alive=True)
    people.fake.state.offsets.record(RELAY, ClockOffset(-6_000, 1, people.fake.clock.now()))
    nodes = (await (await people.admin()).get("/status")).json()["nodes"]
    berlin = next(each for each in nodes if each["node"] == BERLIN)
    assert (berlin["liveness"], berlin["clock"]["ahead_ms"]) == ("alive", -6_000)
