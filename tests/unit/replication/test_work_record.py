"""What a follower's database shows of itself, and what replication answers its monitor."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from services.replication.core.work_record import WorkRecord
from services.replication.handlers import LONGEST_CAUSE, ProofHandlers
from services.replication.replica.store import IDLE_SECONDS, READ_SECONDS, MasterStore
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Instant, NodeId, Sequence
from shared.domain.log import LogPosition
from shared.domain.refusal import StoreRefused
from shared.events.proof import ProveReplication, ServiceProof
from tests.fakes.master_state import MemoryState
from tests.fakes.virtual_time import BEGIN, VirtualClock, pause, run
from tests.integration.entries import EntryWriter, node, put

if TYPE_CHECKING:
    from shared.persistence.master_state import MasterState

ALPHA = NodeId("alpha")
FULL, SILENT = StoreRefused("the disk is full"), StoreUnavailable("no answer")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ("", (0, 0, "")),
        ("r", (1, 0, "")),
        ("a", (1, 0, "")),
        ("as", (1, 0, SILENT.message)),
        ("asr", (3, 0, "")),
        ("af", (1, 1, FULL.message)),
        ("affr", (4, 2, FULL.message)),
        ("affs", (1, 2, FULL.message)),
        ("affra", (5, 0, "")),
    ],
)
def test_each_fact_changes_the_record_as_the_table_says(
    facts: str, expected: tuple[float, int, str]
) -> None:
    record = WorkRecord()
    for second, fact in enumerate(facts, 1):
        match fact:
            case "r":
                record.record_read(Instant(second))
            case "a":
                record.record_apply(Instant(second))
            case "f":
                record.record_failure(FULL)
            case _:
                record.record_failure(SILENT)
    assert (record.worked_at, record.refusals, record.cause) == expected


@dataclass
class CountingState(MemoryState):
    """A database that counts its reads, and may hang."""

    reads: int = 0
    hangs: bool = False

    async def position(self) -> LogPosition | None:
        self.reads += 1
        if self.hangs:
            await pause(100)
        return await super().position()


@dataclass
class Bench:
    state: CountingState = field(default_factory=CountingState)
    fault: str = ""

    def __post_init__(self) -> None:
        self.store = MasterStore(cast("MasterState", self.state), VirtualClock())
        self.handlers = ProofHandlers(ALPHA, self.store, lambda: self.fault)

    async def prove(self) -> ServiceProof:
        return await self.handlers.on_prove(ProveReplication(node=ALPHA))


def test_a_follower_that_reads_proves_itself_without_another_read() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.store.position()
        await pause(IDLE_SECONDS)
        assert (await bench.prove()).worked_at == BEGIN
        assert bench.state.reads == 1

    run(scenario())


def test_an_idle_follower_reads_when_it_is_asked() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.store.position()
        await pause(IDLE_SECONDS + 1)
        assert (await bench.prove()).worked_at == VirtualClock().now()
        assert bench.state.reads == 2

    run(scenario())


def test_a_database_that_hangs_or_is_down_costs_the_answer_a_moment_and_is_the_cause() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.state.hangs = True
        before = VirtualClock().now()
        proof = await bench.prove()
        assert VirtualClock().now() - before == pytest.approx(READ_SECONDS)
        assert (float(proof.worked_at), proof.refusals) == (0, 0)
        assert proof.cause == "the database did not answer within 1 s"
        bench.state.hangs, bench.state.is_down = False, True
        assert (await bench.prove()).cause == "the database cannot be reached"
        bench.state.is_down = False
        assert (await bench.prove()).cause == ""

    run(scenario())


def test_applies_that_the_database_refuses_are_counted_until_one_is_committed() -> None:
    async def scenario() -> None:
        bench, entries = Bench(), EntryWriter()
        entry = entries.write(put("node", "berlin", node()))
        bench.state.writes_refused = "the disk is full" + "!" * 1_000
        for _ in range(3):
            with pytest.raises(StoreRefused):
                await bench.store.apply(entry, Sequence(1))
            await bench.store.position()
        proof = await bench.prove()
        assert (proof.refusals, len(proof.cause)) == (3, LONGEST_CAUSE)
        bench.state.writes_refused = ""
        await bench.store.apply(entry, Sequence(1))
        assert (await bench.prove()).refusals == 0

    run(scenario())


def test_a_replica_that_stopped_for_an_operator_is_the_cause() -> None:
    async def scenario() -> None:
        bench = Bench(fault="its replica is diverged")
        assert (await bench.prove()).cause == "its replica is diverged"

    run(scenario())


def test_two_questions_at_once_are_both_answered() -> None:
    async def scenario() -> None:
        bench = Bench()
        first, second = await asyncio.gather(bench.prove(), bench.prove())
        assert first == second

    run(scenario())
