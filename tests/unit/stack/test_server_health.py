"""Which log servers are restarted although they run, and when."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import Instant
from stack.readiness import ProbeAnswer
from stack.server_health import (
    MEMORY_SECONDS,
    MOST_SECONDS,
    SETTLING_SECONDS,
    DiskIsFull,
    RestartServer,
    ServerAnswer,
    ServerCondition,
    ServerEffect,
    ServerHealth,
    ServerMended,
)
from stack.server_watch import read_health

WELL, BUSY, OUT, SILENT = (
    ServerCondition.WELL,
    ServerCondition.BUSY,
    ServerCondition.OUT,
    ServerCondition.SILENT,
)
POLL_SECONDS = 2
NODES: tuple[str, ...] = ("alpha", "bravo", "witness")


class Servers:
    """Three servers that are polled; a restart gives a server a new process."""

    def __init__(self) -> None:
        self.health = ServerHealth()
        self.pids = dict.fromkeys(NODES, 1)
        self.conditions: dict[str, ServerCondition | None] = dict.fromkeys(NODES, WELL)
        self.full = set[str]()
        self.now = Instant(0.0)
        self.effects: list[tuple[float, ServerEffect]] = []

    def poll(self) -> None:
        self.now = Instant(self.now + POLL_SECONDS)
        answers = {
            node: None
            if condition is None
            else ServerAnswer(self.pids[node], condition, "why", node not in self.full)
            for node, condition in self.conditions.items()
        }
        for effect in self.health.record_round(answers, self.now):
            self.effects.append((self.now, effect))
            if isinstance(effect, RestartServer):
                self.pids[effect.node] += 1

    def until(self, seconds: float) -> list[ServerEffect]:
        """Poll until *seconds*; the effects meanwhile."""
        before = len(self.effects)
        while self.now < seconds:
            self.poll()
        return [effect for _, effect in self.effects[before:]]

    @property
    def restarts(self) -> list[float]:
        return [at for at, effect in self.effects if isinstance(effect, RestartServer)]


@pytest.mark.parametrize(
    ("conditions", "first"),
    [
        ((WELL, WELL, WELL), None),
        ((OUT, WELL, WELL), (16, "alpha")),
        ((OUT, OUT, WELL), (16, "alpha")),
        ((OUT, OUT, OUT), (16, "alpha")),
        ((OUT, None, BUSY), (16, "alpha")),
        ((BUSY, BUSY, BUSY), None),
        ((BUSY, WELL, WELL), None),
        ((WELL, SILENT, WELL), (62, "bravo")),
        ((WELL, SILENT, BUSY), None),
        ((SILENT, SILENT, WELL), None),
        ((SILENT, None, WELL), None),
        ((SILENT, OUT, WELL), (16, "bravo")),
    ],
)
def test_only_a_server_that_is_out_or_silent_beside_others_that_are_well_is_restarted(
    conditions: tuple[ServerCondition | None, ...], first: tuple[float, str] | None
) -> None:
    servers = Servers()
    servers.poll()
    servers.conditions = dict(zip(NODES, conditions, strict=True))
    start = servers.now
    servers.until(start + 300)
    found = servers.effects[0] if servers.effects else None
    if first is None:
        assert found is None
    else:
        assert found is not None
        at, effect = found
        assert isinstance(effect, RestartServer)
        assert at - start == pytest.approx(first[0], abs=POLL_SECONDS)
        assert effect.node == first[1]


def test_a_server_that_is_well_for_a_minute_is_mended_and_both_are_reported_once() -> None:
    servers = Servers()
    servers.poll()
    servers.conditions["witness"] = OUT
    assert servers.until(20) == [RestartServer("witness", "why", is_first=True)]
    servers.conditions["witness"] = WELL
    assert servers.until(70) == []
    assert servers.until(300) == [ServerMended("witness")]


def test_a_server_whose_disk_is_full_is_reported_once_and_restarted_when_there_is_room() -> None:
    servers = Servers()
    servers.poll()
    servers.conditions = {"alpha": OUT, "bravo": WELL, "witness": WELL}
    servers.full = {"alpha"}
    assert servers.until(1000) == [DiskIsFull("alpha", "why")]
    servers.conditions["witness"] = OUT
    assert servers.until(1030) == [RestartServer("witness", "why", is_first=True)]
    servers.conditions["witness"] = WELL
    servers.full = set()
    assert servers.until(1034) == [RestartServer("alpha", "why", is_first=False)]
    servers.conditions["alpha"] = WELL
    assert set(servers.until(1200)) == {ServerMended("witness"), ServerMended("alpha")}


def test_two_servers_are_never_restarted_at_the_same_time() -> None:
    servers = Servers()
    servers.poll()
    servers.conditions = dict.fromkeys(NODES, OUT)
    servers.until(600)
    pauses = [b - a for a, b in itertools.pairwise(servers.restarts)]
    assert min(pauses) >= SETTLING_SECONDS
    assert {effect.node for _, effect in servers.effects if isinstance(effect, RestartServer)} == {
        *NODES
    }


def test_a_full_disk_costs_growing_pauses_and_ever_fewer_restarts() -> None:
    servers = Servers()
    servers.poll()
    while servers.now < 2 * MEMORY_SECONDS:
        well_before = servers.restarts and servers.now - servers.restarts[-1] < 3
        servers.conditions["witness"] = WELL if well_before else OUT  # well until its first write
        servers.poll()
    times = servers.restarts
    pauses = [b - a for a, b in itertools.pairwise(times)]
    assert pauses[:10] == sorted(pauses[:10])
    assert max(pauses) <= MOST_SECONDS + 2 * POLL_SECONDS
    assert max(sum(at <= each < at + MEMORY_SECONDS for each in times) for at in times) <= 22
    firsts = [e for _, e in servers.effects if isinstance(e, RestartServer) and e.is_first]
    assert len(firsts) == 1, "it is said once"


@given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from([*ServerCondition, None]))))
def test_no_silent_server_is_restarted_without_both_others_well(
    changes: list[tuple[str, ServerCondition | None]],
) -> None:
    servers = Servers()
    for node, condition in changes:
        servers.conditions[node] = condition
        for _ in range(20):
            before = len(servers.effects)
            servers.poll()
            for _, effect in servers.effects[before:]:
                if isinstance(effect, RestartServer):
                    others = {servers.conditions[each] for each in NODES if each != effect.node}
                    kind = servers.conditions[effect.node]
                    assert kind is OUT or (kind is SILENT and others == {WELL})


@pytest.mark.parametrize(
    ("status", "error", "condition"),
    [
        (200, "", WELL),
        (0, "", SILENT),
        (503, "JetStream not enabled (10076)", OUT),
        (503, "JetStream stream '$G > L' write error: no space left on device", OUT),
        (503, "JetStream has not established contact with a meta leader", BUSY),
        (503, "JetStream stream 'SITE > LOG' is not current", BUSY),
        (503, "", BUSY),
        (404, "", BUSY),
    ],
)
def test_a_server_is_out_by_its_own_words_only(
    status: int, error: str, condition: ServerCondition
) -> None:
    answer = ProbeAnswer(status, {"error": error} if error else {})
    assert read_health(7, answer).condition is condition
