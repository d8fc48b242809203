from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.config.core.commit import Batch, build_batch, digest_of
from shared.documents.state import Documents
from shared.domain.errors import InvalidChange, RequestReused, RevisionConflict
from shared.domain.ids import RequestId, Revision, UnixMillis
from shared.domain.log import ENTRY_LIMIT_BYTES
from shared.domain.request import AnsweredRequest
from shared.events.config import ProposeChanges, ProposedChange

NOTHING = Documents({})


def proposal(
    request_id: str, node: str = "berlin", body: dict[str, Any] | None = None, **more: Any
) -> ProposeChanges:
    change = ProposedChange(
        kind="node", id=node, op="put", body=body or {"role": "traffic"}, **more
    )
    return ProposeChanges(request_id=RequestId(request_id), author="rita", changes=(change,))


def recorded(digest: str) -> AnsweredRequest:
    return AnsweredRequest(RequestId("1"), digest, Revision(3), UnixMillis(0))


def batch(
    *proposals: ProposeChanges, answered: dict[RequestId, AnsweredRequest] | None = None
) -> Batch:
    return build_batch(NOTHING, proposals, answered or {}, Revision(7))


def test_proposals_that_wait_together_become_one_entry_in_their_order() -> None:
    made = batch(proposal("1", "berlin"), proposal("2", "denver"))

    assert [change.id for change in made.changes] == ["berlin", "denver"]
    assert made.accepted == ["1", "2"]
    assert [change.request_id for change in made.changes] == ["1", "2"]


def test_an_invalid_one_is_refused_alone() -> None:
    made = batch(proposal("1", "NO NAME"), proposal("2"))

    assert made.accepted == ["2"]
    assert isinstance(made.refused[RequestId("1")], InvalidChange)


def test_the_second_of_two_sees_what_the_first_did() -> None:
    made = batch(
        proposal("1", expected_revision=Revision(0)), proposal("2", expected_revision=Revision(0))
    )

    assert made.accepted == ["1"]
    assert isinstance(made.refused[RequestId("2")], RevisionConflict)


def test_the_second_of_two_may_build_on_the_first() -> None:
    made = batch(proposal("1"), proposal("2", expected_revision=Revision(7)))

    assert made.accepted == ["1", "2"]


def test_a_repeated_request_is_answered_with_its_revision_and_changes_nothing() -> None:
    same = proposal("1")

    made = batch(same, answered={RequestId("1"): recorded(digest_of(same))})

    assert made.repeated == {"1": 3}
    assert not made.changes


def test_a_request_id_with_another_content_is_refused() -> None:
    made = batch(proposal("1"), answered={RequestId("1"): recorded("other")})

    assert isinstance(made.refused[RequestId("1")], RequestReused)
    assert not made.changes


def test_what_does_not_fit_waits_for_the_next_entry() -> None:
    large = {
        "role": "traffic",
        "prefixes": [f"10.{i // 256}.{i % 256}.0/24" for i in range(20_000)],
    }

    made = batch(*(proposal(str(number), f"n{number}", large) for number in range(3)))

    assert made.accepted == ["0"]
    assert made.waiting == ["1", "2"]
    assert made.size_bytes < ENTRY_LIMIT_BYTES


def test_one_request_that_can_never_fit_is_refused() -> None:
    huge = {"role": "traffic", "prefixes": [f"fd00:{i:x}::/32" for i in range(40_000)]}

    made = batch(proposal("1", body=huge), proposal("2"))

    assert "too large for one entry" in made.refused[RequestId("1")].message
    assert made.accepted == ["2"]


def test_the_digest_covers_who_asks_for_what() -> None:
    one = proposal("1")

    assert digest_of(one) == digest_of(proposal("2"))
    assert digest_of(one) != digest_of(proposal("1", "denver"))
    assert digest_of(one) != digest_of(one.model_copy(update={"author": "anna"}))


@given(st.lists(st.sampled_from(["berlin", "denver", "NO NAME", "tokyo"]), max_size=12))
def test_every_proposal_has_exactly_one_outcome(nodes: list[str]) -> None:
    proposals = [proposal(str(number), node) for number, node in enumerate(nodes)]

    made = batch(*proposals)

    outcomes = [*made.accepted, *made.refused, *made.repeated, *made.waiting]
    assert sorted(outcomes) == sorted(each.request_id for each in proposals)
    assert len(made.changes) == len(made.accepted)
