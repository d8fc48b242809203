"""What followers prove: signed positions, one hash a revision, silence by name."""

from dataclasses import replace
from typing import Final

import pytest

from services.gateway.cluster.core.proofs import Proof, SyncAnswer, check_proofs
from shared.crypto.nodekeys import NodeKey, verify
from shared.documents import Kind
from shared.domain.errors import LogUnavailable, Unavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.events.replication import FollowerProgressed, FollowerState
from tests.unit.gateway.conftest import People

ALPHA, BERLIN = NodeId("alpha"), NodeId("berlin")
KEYS: Final = {ALPHA: NodeKey.generate(), BERLIN: NodeKey.generate()}
PUBLIC: Final = {node: key.public_b64 for node, key in KEYS.items()}


def progress_of(
    node: NodeId,
    revision: int = 7,
    hash_: str = "a" * 64,
    state: FollowerState = FollowerState.FOLLOWING,
    key: NodeKey | None = None,
) -> FollowerProgressed:
    bare = FollowerProgressed(
        node=node,
        state=state,
        log_generation=LogGeneration(1),
        revision=Revision(revision),
        sequence=Sequence(revision),
        epoch=Epoch(1),
        hash=hash_,
    )
    proof = (key or KEYS[node]).sign(bare.progress_bytes())
    return bare.model_copy(update={"signature": proof.hex()})


def rows(*answers: SyncAnswer) -> dict[NodeId, Proof]:
    return {row.node: row for row in check_proofs(answers, PUBLIC, verify)}


def test_equal_hashes_at_one_revision_are_well() -> None:
    found = rows(SyncAnswer(ALPHA, progress_of(ALPHA)), SyncAnswer(BERLIN, progress_of(BERLIN)))
    assert all(row.ok for row in found.values())
    assert (found[BERLIN].state, found[BERLIN].revision, found[BERLIN].lag) == ("following", 7, 0)


def test_who_is_behind_lags_and_is_well() -> None:
    found = rows(
        SyncAnswer(ALPHA, progress_of(ALPHA, 9)),
        SyncAnswer(BERLIN, progress_of(BERLIN, 7, "b" * 64)),
    )
    assert (found[BERLIN].ok, found[BERLIN].lag) == (True, 2)


def test_another_hash_at_the_same_revision_is_another_history() -> None:
    found = rows(
        SyncAnswer(ALPHA, progress_of(ALPHA)), SyncAnswer(BERLIN, progress_of(BERLIN, 7, "b" * 64))
    )
    assert (found[BERLIN].ok, found[BERLIN].code) == (False, "another_history")
    assert "alpha has another entry" in found[BERLIN].detail


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (FollowerState.DIVERGED, "diverged"),
        (FollowerState.LOG_LOST, "log_lost"),
        (FollowerState.DETACHED, "not_following"),
        (FollowerState.SNAPSHOTTING, "not_following"),
    ],
)
def test_a_copy_that_does_not_follow_says_what_is_wrong(state: FollowerState, code: str) -> None:
    found = rows(
        SyncAnswer(ALPHA, progress_of(ALPHA)), SyncAnswer(BERLIN, progress_of(BERLIN, state=state))
    )
    assert (found[BERLIN].ok, found[BERLIN].code) == (False, code)
    assert found[BERLIN].detail


def test_a_position_is_proved_by_the_nodes_own_key_alone() -> None:
    forged = progress_of(BERLIN, 99, key=NodeKey.generate())
    unsigned = progress_of(BERLIN).model_copy(update={"signature": "no hex"})
    for word in (forged, unsigned):
        found = rows(SyncAnswer(ALPHA, progress_of(ALPHA)), SyncAnswer(BERLIN, word))
        assert (found[BERLIN].ok, found[BERLIN].code) == (False, "bad_signature")
        assert found[ALPHA].lag == 0, "nobody lags behind what is not proved"


def test_a_node_without_a_key_in_its_document_proves_nothing() -> None:
    (row,) = check_proofs([SyncAnswer(ALPHA, progress_of(ALPHA))], {}, verify)
    assert row.code == "bad_signature"


def test_a_silent_node_and_a_failing_one_are_reported_apart() -> None:
    found = rows(
        SyncAnswer(ALPHA, error=LogUnavailable("the log does not answer")),
        SyncAnswer(BERLIN, error=Unavailable("nobody answered within 5 s")),
    )
    assert (found[ALPHA].state, found[ALPHA].code) == ("failed", "log_unavailable")
    assert (found[BERLIN].state, found[BERLIN].code) == ("silent", "no_answer")
    assert found[BERLIN].detail == "berlin did not answer: nobody answered within 5 s"


def test_a_row_that_is_wrong_has_a_code() -> None:
    well = Proof(ALPHA, "following")
    assert well.ok
    assert not replace(well, code="diverged").ok


async def test_a_node_that_is_not_there_is_refused_by_name(people: People) -> None:
    answer = await (await people.admin()).call("POST", "/sync", {"nodes": ["nowhere"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "'nowhere'" in answer.json()["detail"]


async def test_a_node_that_does_not_answer_has_a_row(people: People) -> None:
    fake = people.fake
    fake.site.revision += 1
    fake.site.write(Kind.NODE, "berlin", {"role": "traffic"})
    await fake.state.directory.read()
    answer = await (await people.admin()).call("POST", "/sync", {})
    assert [(row["node"], row["ok"], row["code"]) for row in answer.json()] == [
        ("berlin", False, "no_answer")
    ]
