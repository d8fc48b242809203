"""Properties of group commit: proposals stay whole and in order, and none is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.core import commit
from services.config.core.commit import build_batch, digest_of
from shared.documents.state import Documents
from shared.domain.document import Ref
from shared.domain.ids import RequestId, Revision, UnixMillis
from shared.domain.log import Change
from shared.domain.request import AnsweredRequest
from shared.events.config import ProposeChanges, ProposedChange

EMPTY = Documents({})
NEXT = Revision(7)
LIMIT_BYTES = 1_500
"""Of an entry, here: so that few small changes fill it."""

LARGE = [f"10.0.{number}.0/24" for number in range(50)]
"""Two documents with so many networks do not fit into one entry."""

NODES = ("berlin", "denver", "tokyo", "NO NAME")


def one_change(name: str, *, is_large: bool, expects: int | None) -> ProposedChange:
    body: dict[str, Any] = {"role": "traffic", "prefixes": LARGE if is_large else []}
    expected = None if expects is None else Revision(expects)
    return ProposedChange(kind="node", id=name, op="put", body=body, expected_revision=expected)


changes = st.builds(
    one_change,
    st.sampled_from(NODES),
    is_large=st.sampled_from([False, False, False, True]),
    expects=st.sampled_from([None, None, 0, int(NEXT)]),
)


@st.composite
def proposals(draw: st.DrawFn) -> tuple[ProposeChanges, ...]:
    asked = draw(st.lists(st.lists(changes, min_size=1, max_size=3), max_size=6))
    return tuple(
        ProposeChanges(request_id=RequestId(f"r{number}"), author="rita", changes=tuple(each))
        for number, each in enumerate(asked)
    )


@pytest.fixture(autouse=True, scope="module")
def small_entries() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commit, "CHANGES_LIMIT_BYTES", LIMIT_BYTES)
        yield


def parts_of(made: list[Change]) -> list[tuple[str, list[str]]]:
    """The requests of an entry in their order, each with the documents that it changes."""
    parts: list[tuple[str, list[str]]] = []
    for change in made:
        if not parts or parts[-1][0] != change.request_id:
            parts.append((change.request_id, []))
        parts[-1][1].append(change.id)
    return parts


@given(proposals())
def test_an_entry_holds_whole_proposals_in_their_order(asked: tuple[ProposeChanges, ...]) -> None:
    made = build_batch(EMPTY, asked, {}, NEXT)

    wanted = {each.request_id: {change.id for change in each.changes} for each in asked}
    parts = parts_of(made.changes)
    assert [request for request, _ in parts] == made.accepted
    assert made.accepted == [each for each in wanted if each in made.accepted]
    assert all(set(names) == wanted[RequestId(request)] for request, names in parts)


@given(proposals())
def test_what_waits_comes_into_the_next_entries_and_nothing_is_lost(
    asked: tuple[ProposeChanges, ...],
) -> None:
    """Entry by entry, until nobody waits: each proposal is decided once, in a bounded time."""
    decided: list[RequestId] = []
    left, documents = asked, EMPTY
    for _ in range(len(asked) + 1):
        made = build_batch(documents, left, {}, NEXT)
        decided += [*made.accepted, *made.refused]
        documents = documents.with_(
            {Ref(change.kind, change.id): change.body for change in made.changes}, NEXT
        )
        left = tuple(each for each in left if each.request_id in made.waiting)
    assert left == ()
    assert sorted(decided) == sorted(each.request_id for each in asked)


@given(proposals())
def test_what_is_in_the_log_is_answered_and_never_made_again(
    asked: tuple[ProposeChanges, ...],
) -> None:
    known = {
        each.request_id: AnsweredRequest(
            each.request_id, digest_of(each), Revision(3), UnixMillis(0)
        )
        for each in asked
    }
    made = build_batch(EMPTY, asked, known, NEXT)

    assert (made.changes, made.accepted, made.waiting, made.refused) == ([], [], [], {})
    assert made.repeated == dict.fromkeys(known, Revision(3))


def test_entries_do_fill_up_here() -> None:
    large = one_change("berlin", is_large=True, expects=None)
    asked = tuple(
        ProposeChanges(request_id=RequestId(name), author="rita", changes=(large,))
        for name in ("r1", "r2")
    )
    assert build_batch(EMPTY, asked, {}, NEXT).waiting == ["r2"]
