"""Properties of a plan: it leads to what is wanted, in parts that keep its order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.configuration.core import (
    BATCH_BYTES,
    Planned,
    plan_changes,
    split_into_batches,
)
from shared.documents import Kind, normalise_body
from shared.domain.document import Document, Ref
from shared.domain.ids import Revision

SITE = Ref(Kind.SITE, "site")
KEY = "A" * 43 + "="

node = st.fixed_dictionaries(
    {"role": st.just("traffic")},
    optional={"weight": st.integers(0, 3), "region": st.sampled_from(["eu", "us"])},
)
user = st.fixed_dictionaries({"role": st.sampled_from(["auditor", "representative"])})
refs: st.SearchStrategy[Ref] = st.sampled_from(
    [
        *(Ref(Kind.NODE, name) for name in ("berlin", "denver", "tokyo")),
        *(Ref(Kind.USER, name) for name in ("rita", "sam")),
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> dict[Ref, Any]:
    found: dict[Ref, Any] = {}
    for ref in draw(st.lists(refs, unique=True)):
        found[ref] = draw(node if ref.kind == Kind.NODE else user)
    return found


def document(ref: Ref, revision: int, body: dict[str, Any]) -> Document:
    return Document(*ref, Revision(revision), normalise_body(Kind(ref.kind), ref.id, body))


def stored(bodies: dict[Ref, Any]) -> dict[Ref, Document]:
    """The documents as they are there: with what people do not write."""
    own = {Kind.NODE: {"public_key": KEY}, Kind.USER: {"password_hash": "sealed"}}
    found = {ref: document(ref, 1, {**body, **own[Kind(ref.kind)]}) for ref, body in bodies.items()}
    return {**found, SITE: document(SITE, 1, {"name": "s.example"})}


def applied(current: dict[Ref, Document], changes: tuple[Planned, ...]) -> dict[Ref, Document]:
    after = dict(current)
    for change in changes:
        ref = Ref(change.kind, change.id)
        there = after.get(ref)
        assert change.expected_revision == (there.revision if there else 0), "it is what was seen"
        if change.after is None:
            del after[ref]
        else:
            after[ref] = Document(*ref, Revision(2), dict(change.after))
    return after


@given(documents(), documents(), st.booleans())
def test_a_plan_leads_to_what_is_wanted_and_touches_nothing_else(
    before: dict[Ref, Any], wanted: dict[Ref, Any], prune: bool
) -> None:
    current = stored(before)
    after = applied(current, plan_changes(current, wanted, prune=prune))

    for ref, body in wanted.items():
        written = normalise_body(Kind(ref.kind), ref.id, body)
        found = after[ref].body
        differing = {field for field, value in written.items() if found[field] != value}
        assert differing <= {"public_key", "password_hash"}, "only what people do not write is kept"
    others = set(current) - set(wanted)
    kept = {SITE} if prune else others
    assert {ref: after[ref] for ref in others & set(after)} == {ref: current[ref] for ref in kept}


@given(documents(), documents(), st.booleans())
def test_a_plan_that_was_applied_is_empty(
    before: dict[Ref, Any], wanted: dict[Ref, Any], prune: bool
) -> None:
    after = applied(stored(before), plan_changes(stored(before), wanted, prune=prune))
    assert plan_changes(after, wanted, prune=prune) == ()


sizes = st.sampled_from([0, 1, BATCH_BYTES // 3, BATCH_BYTES // 2, BATCH_BYTES])


@given(st.lists(sizes, max_size=9))
def test_the_parts_of_a_plan_are_the_plan_and_each_fits(lengths: list[int]) -> None:
    changes = tuple(
        Planned(Kind.NODE, f"n{number}", None, {"note": "x" * length}, Revision(0))
        for number, length in enumerate(lengths)
    )
    parts = split_into_batches(changes)

    assert tuple(change for part in parts for change in part) == changes
    assert all(parts), "no part is empty"
    for part in parts:
        length = sum(lengths[int(change.id.removeprefix("n"))] for change in part)
        assert len(part) == 1 or length <= BATCH_BYTES
