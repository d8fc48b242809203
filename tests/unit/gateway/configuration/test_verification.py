"""What several walks say together: which copy is broken, and which is not on the log's chain."""

from typing import Any

from services.gateway.configuration.verification import verify_copies
from shared.documents import Kind
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.domain.log import LogPosition
from shared.events.config import ChainVerified, VerifyChain
from shared.events.message import Message, Request
from tests.fakes.responder import Responder
from tests.unit.gateway.conftest import InMemoryGateway, People

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")


def end(revision: int, mark: str = "") -> LogPosition:
    return LogPosition(
        log_generation=LogGeneration(1),
        revision=Revision(revision),
        epoch=Epoch(1),
        hash=mark or f"hash of {revision}",
        sequence=Sequence(revision),
    )


class Copies(Responder):
    """A log of so many entries, and databases that have come so far."""

    def __init__(self, log: int, **databases: LogPosition | None) -> None:
        self.log = log
        self.databases = databases
        self.part = 3
        self.silent: set[str] = set()
        self.fault = ""

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        del timeout_seconds
        assert isinstance(request, VerifyChain)
        if request.node in self.silent:
            raise Unavailable("nobody answered")
        target = end(self.log) if request.of == "log" else self.databases[request.node]
        at = 0 if request.after is None else request.after.revision
        known = request.after is None or request.after.hash == f"hash of {at}"
        last = 0 if target is None or not known else target.revision
        to = min(last, at + self.part)
        return ChainVerified(
            node=request.node,
            entries=max(0, to - at),
            skipped=1 if request.of == "log" and at == 0 else 0,
            fault=self.fault if request.of == "database" else "",
            end=(target if to == last else end(to)) if to > at else request.after,
            is_whole=to >= last,
        )


async def verdict(copies: Copies) -> dict[str, Any]:
    reports = await verify_copies(copies, [ALPHA, BRAVO])
    return {each.copy_of: each for each in reports}


async def test_copies_of_one_chain_are_all_well() -> None:
    found = await verdict(Copies(7, alpha=end(7), bravo=end(7)))
    assert [each.fault for each in found.values()] == ["", "", ""]
    assert [each.entries for each in found.values()] == [7, 7, 7]
    assert (found["log"].skipped, found["log"].revision) == (1, 7)


async def test_a_copy_that_lags_is_on_the_chain_if_the_log_goes_on_from_it() -> None:
    found = await verdict(Copies(9, alpha=end(9), bravo=end(5)))
    assert found["database of bravo"].fault == ""
    assert found["database of bravo"].revision == 5


async def test_a_copy_with_another_history_is_named() -> None:
    found = await verdict(Copies(9, alpha=end(9), bravo=end(9, "another")))
    assert found["database of bravo"].fault == "its last entry is not on the log's chain"
    assert found["database of alpha"].fault == ""


async def test_an_empty_copy_is_no_fault() -> None:
    found = await verdict(Copies(2, alpha=end(2), bravo=None))
    assert found["database of bravo"].fault == ""
    assert found["database of bravo"].revision is None


async def test_a_master_that_does_not_answer_is_named_and_the_other_reads_the_log() -> None:
    copies = Copies(2, alpha=end(2), bravo=end(2))
    copies.silent = {"alpha"}
    found = await verdict(copies)
    assert found["database of alpha"].fault == "alpha: nobody answered"
    assert (found["log"].fault, found["log"].entries) == ("", 2)


async def test_a_log_that_nobody_can_read_accuses_no_database() -> None:
    copies = Copies(2, alpha=end(2), bravo=end(2))
    copies.silent = {"alpha", "bravo"}
    found = await verdict(copies)
    assert all("nobody answered" in each.fault for each in found.values())


async def test_a_fault_ends_the_walk_and_is_reported() -> None:
    copies = Copies(2, alpha=end(2), bravo=end(2))
    copies.fault = "after revision 1: another history"
    assert (await verdict(copies))["database of alpha"].fault == copies.fault


async def test_only_who_may_read_has_the_log_walked(people: People, fake: InMemoryGateway) -> None:
    rita = await people.signed_in("rita", "representative")
    otto = await people.signed_in("otto", "auditor")
    assert (await rita.get("/log/verify")).status_code == 403
    (report,) = (await otto.get("/log/verify")).json()
    assert (report["copy_of"], report["fault"]) == ("log", "no master")
    assert Kind.NODE not in {kind for kind, _ in fake.site.documents}
