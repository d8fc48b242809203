"""All documents at one revision: a later one is indexed as if it had been read anew."""

import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from shared.documents import Kind, normalise_body
from shared.documents.rules.changes import apply_changes
from shared.documents.state import ADMINISTRATOR, Documents, has_address, has_hostname, names
from shared.domain.document import Document, Ref
from shared.domain.ids import Revision
from shared.events.config import ProposedChange

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Body = dict[str, Any]

NODES: dict[str, Body] = {
    f"n{place}": {"role": "traffic", "public_address": {"host": f"n{place}.example", "port": 443}}
    for place in range(3)
}
USERS: list[Body] = [
    {"role": "representative", "pinned_node": "n0"},
    {"role": "administrator", "password_hash": "$argon2id$x"},
    {"role": "administrator", "password_hash": "$argon2id$x", "disabled": True},
    {"role": "representative"},
]
SITES: list[Body] = [{"hostnames": ["a.example", "b.example"]}, {"hostnames": ["b.example"]}]

BODIES: dict[Ref, list[Body]] = {
    **{Ref(Kind.NODE, id_): [body, {"role": "traffic"}] for id_, body in NODES.items()},
    **{Ref(Kind.USER, id_): [*USERS] for id_ in ("rita", "sam")},
    **{Ref(Kind.PUBLIC_SITE, id_): [*SITES] for id_ in ("help", "shop")},
}

steps = st.lists(
    st.sampled_from(sorted(BODIES)).flatmap(
        lambda ref: st.tuples(st.just(ref), st.sampled_from([None, *BODIES[ref]]))
    ),
    max_size=30,
)

FACTS = (
    ADMINISTRATOR,
    names(Ref(Kind.NODE, "n0")),
    has_hostname("a.example"),
    has_hostname("b.example"),
    *(has_address(body) or () for body in NODES.values()),
)


@given(steps)
def test_documents_after_changes_are_those_that_were_read_anew(
    changes: list[tuple[Ref, Body | None]],
) -> None:
    documents, read = Documents({}), dict[Ref, Document]()
    for revision, (ref, body) in enumerate(changes):
        before, kept = documents, {each.ref: each for each in documents}
        whole = None if body is None else normalise_body(Kind(ref.kind), ref.id, body)
        documents = documents.with_({ref: whole}, Revision(revision))
        assert {each.ref: each for each in before} == kept, "an earlier revision stays as it was"
        read.pop(ref, None)
        if whole is not None:
            read[ref] = Document(*ref, Revision(revision), whole)
        anew = Documents(read)
        assert {each.ref: each for each in documents} == read
        assert len(documents) == len(read)
        for fact in FACTS:
            assert set(documents.holders(fact)) == set(anew.holders(fact))


def test_a_change_of_one_document_costs_the_same_however_many_there_are() -> None:
    assert instructions(site(10)) == instructions(site(1_000))


def site(size: int) -> Documents:
    users = {f"user{place}": USERS[3] for place in range(size)} | {"admin": USERS[1]}
    bodies = {Ref(Kind.USER, id_): normalise_body(Kind.USER, id_, users[id_]) for id_ in users}
    return Documents({ref: Document(*ref, Revision(1), body) for ref, body in bodies.items()})


def instructions(documents: Documents) -> int:
    """The number of bytecode instructions of a change of one user, loops included."""
    count = 0

    def on_event(frame: FrameType, event: str, argument: object) -> "TraceFunction":
        nonlocal count
        del argument
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return on_event

    change_a_user(documents)  # what is made once is made now
    tracing = sys.gettrace()
    sys.settrace(on_event)
    try:
        change_a_user(documents)
    finally:
        sys.settrace(tracing)
    assert count, "the change was traced"
    return count


def change_a_user(documents: Documents) -> None:
    change = ProposedChange(
        kind=Kind.USER, id="user1", op="put", body=dict(USERS[3]), expected_revision=None
    )
    documents.with_(apply_changes(documents, [change]), Revision(2))
