"""A process compares its clock with the masters', and says so once when it is off."""

import logging
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from shared.crypto.envelope import Identity
from shared.domain.clock_offset import ClockName, ClockOffset, ClockOffsets
from shared.domain.errors import Unavailable
from shared.domain.ids import Instant, NodeId, UnixMillis
from shared.events.clock import ReadClock
from shared.events.message import Done, Message, Request
from shared.runtime.health import Health
from shared.runtime.metrics import StatusApp
from shared.runtime.own_clock import OFTEN_SECONDS, SELDOM_SECONDS, OwnClock
from tests.fakes.responder import Responder

ALPHA, BRAVO, BERLIN = NodeId("alpha"), NodeId("bravo"), NodeId("berlin")


@dataclass
class Machine(Responder):
    """One process's clocks, and masters whose clocks are *ahead_ms* of its own."""

    ahead_ms: dict[NodeId, int]
    at: float = 100.0
    set_by_ms: int = 0
    asked: list[ClockName] = field(default_factory=list[ClockName])
    offsets: ClockOffsets = field(default_factory=ClockOffsets)
    health: Health = field(default_factory=Health)

    def now(self) -> Instant:
        return Instant(self.at)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(int(self.at * 1_000) + self.set_by_ms)

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        del timeout_seconds
        assert isinstance(request, ReadClock)
        clock = (request.node, request.service)
        self.asked.append(clock)
        if request.node not in self.ahead_ms:
            raise Unavailable("nobody answered")
        ahead = self.ahead_ms[request.node] - self.set_by_ms
        self.offsets.record(clock, ClockOffset(ahead, 1, self.now()))
        return Done()

    def own_clock(self, node: NodeId = BERLIN, service: str = "relay") -> OwnClock:
        identity, masters = Identity(node, service, "x"), frozenset({ALPHA, BRAVO})
        return OwnClock(identity, masters, self, self.offsets, self.health, self)


async def test_a_clock_that_agrees_is_compared_once_a_minute_and_not_spoken_of() -> None:
    machine = Machine({ALPHA: 0, BRAVO: 20})
    own = machine.own_clock()
    for _ in range(int(SELDOM_SECONDS)):
        await own.check()
        machine.at += 1.0
    assert machine.asked == [(ALPHA, "failover_monitor"), (BRAVO, "failover_monitor")]
    assert machine.health.warnings() == []


async def test_a_clock_that_is_off_is_a_warning_in_readyz_and_one_line_in_the_log_an_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "meridian.clock")
    machine = Machine({ALPHA: -40_000, BRAVO: -40_000})
    own = machine.own_clock()
    for _ in range(4):
        await own.check()
        machine.at += OFTEN_SECONDS
    sentence = "this clock is 40 s ahead of alpha's and bravo's: set the time of this machine (NTP)"
    status, _, body = StatusApp(Any, machine.health).answer("GET", "/readyz")  # type: ignore[arg-type]
    assert status == 200
    assert f"clock: {sentence}".encode() in body
    machine.ahead_ms = {ALPHA: 0, BRAVO: 0}
    await own.check()
    assert machine.health.warnings() == []
    assert caplog.messages == [sentence, "this clock agrees with the masters' again"]


async def test_a_clock_that_is_set_is_compared_at_once() -> None:
    machine = Machine({ALPHA: 0, BRAVO: 0})
    own = machine.own_clock()
    await own.check()
    machine.at += 1.0
    machine.set_by_ms = 3_600_000
    await own.check()
    assert machine.health.warnings()[0].startswith("clock: this clock is 1 h 0 min ahead of alpha")


async def test_masters_that_do_not_answer_are_asked_less_and_less_often() -> None:
    machine, rounds = Machine({}), list[float]()
    own = machine.own_clock()
    for _ in range(200):
        before = len(machine.asked)
        await own.check()
        if len(machine.asked) > before:
            rounds.append(machine.at)
        machine.at += 1.0
    pauses = [later - sooner for sooner, later in pairwise(rounds)]
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


async def test_a_monitor_asks_the_gateway_of_its_own_node_and_not_itself() -> None:
    machine = Machine({ALPHA: 0, BRAVO: 0})
    await machine.own_clock(ALPHA, "failover_monitor").check()
    assert machine.asked == [(ALPHA, "gateway"), (BRAVO, "failover_monitor")]


async def test_what_was_measured_before_the_clock_was_set_is_not_spoken_of_afterwards() -> None:
    machine = Machine({ALPHA: -40_000, BRAVO: -40_000})
    own = machine.own_clock()
    await own.check()
    assert machine.health.warnings()
    machine.set_by_ms, machine.ahead_ms = -40_000, {}
    await own.check()
    assert machine.health.warnings() == []
