"""Votes on the bus: which masters have to vote, which votes count, and how long it takes."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.failover_monitor.core.facts import VotesCollected
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder
from services.failover_monitor.core.timing import PRESETS
from services.failover_monitor.promises.collector import VoteCollector
from services.failover_monitor.promises.voter import Voter
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import MeridianError, StoreUnavailable, Unavailable
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.events.failover import PromiseTerms, PromiseVote, RequestPromise
from shared.events.message import Message, Reply, Request
from tests.fakes.responder import Responder
from tests.fakes.virtual_time import VirtualClock, run

TIMING = PRESETS["local"]
ALPHA, BRAVO, CHARLIE = NodeId("alpha"), NodeId("bravo"), NodeId("charlie")
KEYS = {node: NodeKey.generate() for node in (ALPHA, BRAVO, CHARLIE)}
TERMS = PromiseTerms(
    holder=ALPHA,
    instance="a1",
    number=4,
    epoch=Epoch(3),
    ttl=TIMING.ttl_seconds,
    margin=TIMING.margin_seconds,
)


def trust(*nodes: NodeId) -> TrustStore:
    masters = {node: KEYS[node].public_b64 for node in nodes}
    return TrustStore(ClusterId("c"), LogGeneration(1), masters)


@dataclass
class Bucket:
    takes_writes: bool = False
    probes: int = 0

    async def probe(self) -> bool:
        self.probes += 1
        return self.takes_writes


@dataclass
class Directory:
    """The database of the asking master."""

    named: frozenset[NodeId] = frozenset({ALPHA, BRAVO})
    error: MeridianError | None = None
    hangs: bool = False

    async def read_masters(self) -> tuple[frozenset[NodeId], Epoch]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.named, Epoch(3)


@dataclass
class Others(Responder):
    """The other masters, and whatever comes in the way of what they say."""

    buckets: dict[NodeId, Bucket] = field(
        default_factory=lambda: {node: Bucket() for node in (BRAVO, CHARLIE)}
    )
    silent: set[NodeId] = field(default_factory=set[NodeId])
    lie: dict[str, Any] = field(default_factory=dict[str, Any])
    speaks_for: dict[NodeId, NodeId] = field(default_factory=dict[NodeId, NodeId])
    asked: list[NodeId] = field(default_factory=list[NodeId])
    timeouts: list[float] = field(default_factory=list[float])

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply:
        assert attempt_seconds is None, "who is asked twice might promise twice"
        return await super().ask(request, timeout_seconds=timeout_seconds)

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        assert isinstance(request, RequestPromise)
        self.asked.append(request.node)
        self.timeouts.append(timeout_seconds)
        if request.node in self.silent:
            raise Unavailable("nobody answered")
        vote = await self.voter(self.speaks_for.get(request.node, request.node)).vote(request)
        return vote.model_copy(update=self.lie)

    def voter(self, node: NodeId) -> Voter:
        monitor = Monitor(Holder(node, "x1"), TIMING)
        return Voter(monitor, self.buckets[node], KEYS[node], VirtualClock())


def ask(
    others: Others, directory: Directory | None = None, pinned: TrustStore | None = None
) -> VotesCollected:
    collector = VoteCollector(
        ALPHA, pinned or trust(ALPHA, BRAVO), others, directory or Directory(), TIMING.renew_seconds
    )

    async def call() -> VotesCollected:
        return await collector.collect(TERMS)

    return run(call())


def test_every_other_master_is_asked_and_its_promise_names_the_request() -> None:
    others = Others()
    answers = ask(others)
    assert answers.masters == frozenset({BRAVO})
    assert (answers.number, answers.epoch) == (4, Epoch(3))
    assert [(each.node, each.terms, each.refusal) for each in answers.votes] == [(BRAVO, TERMS, "")]
    assert others.asked == [BRAVO]


def test_whoever_is_asked_tries_to_write_first() -> None:
    others = Others()
    others.buckets[BRAVO].takes_writes = True
    assert ask(others).votes[0].refusal == "it can write the lease"
    assert others.buckets[BRAVO].probes == 1


def test_a_master_that_only_the_directory_or_only_the_pinned_keys_name_must_promise() -> None:
    both = trust(ALPHA, BRAVO, CHARLIE)
    removed = ask(Others(silent={CHARLIE}), pinned=both)
    assert removed.masters == frozenset({BRAVO, CHARLIE}), (
        "removed, and its key is pinned: it counts"
    )
    directory = Directory(frozenset({ALPHA, BRAVO, CHARLIE}))
    joined = ask(Others(), directory)
    assert joined.masters == frozenset({BRAVO, CHARLIE})
    assert [each.node for each in joined.votes] == [BRAVO], "nobody knows the other's key yet"


@pytest.mark.parametrize(
    "lie",
    [
        {"largest": 9},
        {"terms": TERMS.model_copy(update={"number": 5})},
        {"refusal": ""},
        {"node": CHARLIE},
    ],
)
def test_what_a_master_did_not_sign_is_no_promise(
    lie: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    others = Others(lie=lie)
    others.buckets[BRAVO].takes_writes = True
    assert ask(others).votes == ()
    assert "is not signed by it" in caplog.text


def test_a_master_promises_for_no_other() -> None:
    both = trust(ALPHA, BRAVO, CHARLIE)
    answers = ask(Others(speaks_for={BRAVO: CHARLIE}), pinned=both)
    assert [each.node for each in answers.votes] == [CHARLIE], "and not for bravo"


@pytest.mark.parametrize("signature", ["", "00", "?"])
def test_a_signature_that_is_none_signs_nothing(signature: str) -> None:
    assert ask(Others(lie={"signature": signature})).votes == ()


def test_a_master_that_says_nothing_holds_up_no_other() -> None:
    directory = Directory(frozenset({ALPHA, BRAVO, CHARLIE}))
    answers = ask(Others(silent={CHARLIE}), directory, trust(ALPHA, BRAVO, CHARLIE))
    assert [each.node for each in answers.votes] == [BRAVO]


@pytest.mark.parametrize(
    "directory", [Directory(error=StoreUnavailable("it is away")), Directory(hangs=True)]
)
def test_while_the_database_is_silent_nobody_is_known_to_have_promised(
    directory: Directory,
) -> None:
    others = Others()
    assert ask(others, directory) == VotesCollected(4)
    assert others.asked == []


def test_asking_takes_no_longer_than_a_renewal_interval() -> None:
    others, clock = Others(), VirtualClock()

    async def slow() -> float:
        began = clock.now()
        collector = VoteCollector(
            *(ALPHA, trust(ALPHA, BRAVO), others, Directory(hangs=True), TIMING.renew_seconds)
        )
        await collector.collect(TERMS)
        return clock.now() - began

    assert run(slow()) <= TIMING.renew_seconds + 0.001
    ask(others)
    assert all(seconds < TIMING.renew_seconds for seconds in others.timeouts)


def test_a_decision_is_signed_whatever_it_is() -> None:
    others = Others()
    question = RequestPromise(node=BRAVO, terms=TERMS)
    for takes_writes in (False, True):
        others.buckets[BRAVO].takes_writes = takes_writes

        async def give() -> PromiseVote:
            return await others.voter(BRAVO).vote(question)

        vote = run(give())
        signature = bytes.fromhex(vote.signature)
        assert trust(BRAVO).verify(BRAVO, signature, vote.promise_bytes())
