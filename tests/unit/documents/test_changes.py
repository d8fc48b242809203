import math
from typing import Any

import pytest

from shared.documents import SITE_ID, Kind
from shared.documents.rules.changes import apply_changes
from shared.documents.state import Documents
from shared.domain.document import Document, Ref
from shared.domain.errors import InvalidChange, NotFound, RevisionConflict
from shared.domain.ids import Revision
from shared.events.config import ProposedChange

ADMIN = {"role": "administrator", "password_hash": "sealed"}
BERLIN = {"role": "traffic", "public_address": {"host": "berlin.example", "port": 7443}}
BERLIN_SHOUTED = {"host": "BERLIN.example", "port": 7443}


def put(kind: str, id_: str, body: dict[str, Any], expected: int | None = None) -> ProposedChange:
    revision = None if expected is None else Revision(expected)
    return ProposedChange(kind=kind, id=id_, op="put", body=body, expected_revision=revision)


def delete(kind: str, id_: str, expected: int | None = None) -> ProposedChange:
    revision = None if expected is None else Revision(expected)
    return ProposedChange(kind=kind, id=id_, op="delete", expected_revision=revision)


def documents(*changes: ProposedChange) -> Documents:
    nothing = Documents({})
    return nothing.with_(apply_changes(nothing, changes), Revision(5))


SITE = documents(
    put("site", SITE_ID, {"name": "s.example"}),
    put("user", "admin", ADMIN),
    put("node", "alpha", {"role": "master"}),
    put("node", "berlin", BERLIN),
)


def refused(*changes: ProposedChange) -> str:
    with pytest.raises(InvalidChange) as caught:
        apply_changes(SITE, changes)
    return caught.value.message


def test_a_body_is_kept_whole_with_its_defaults() -> None:
    outcome = apply_changes(SITE, (put("node", "denver", {"role": "traffic"}),))

    assert outcome[Ref("node", "denver")]["weight"] == 1
    assert outcome[Ref("node", "denver")]["accepting_new_clients"] is True


def test_a_delete_leaves_nothing() -> None:
    assert apply_changes(SITE, (delete("node", "berlin"),)) == {("node", "berlin"): None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("planet", "mars", {}), "there is no kind 'planet'; there are site, node, user, team"),
        (put("node", "Berlin", BERLIN), "'Berlin' is no node name"),
        (put("node", "berlin", {"role": "traffic", "colour": 1}), "node 'berlin': colour"),
        (put("node", "berlin", {}), "node 'berlin': role: Field required"),
        (put("node", "berlin", {**BERLIN, "region": "a\0b"}), "region: a text must not hold"),
        (put("user", "rita", {**ADMIN, "display_name": "\0"}), "display_name: a text must not"),
        (put("team", "desk", {"members": ["a\0"]}), "a text must"),
        (
            put("site", SITE_ID, {"name": "x", "replication": {"sync_timeout_seconds": math.inf}}),
            "replication.sync_timeout_seconds: Input should be a finite number",
        ),
        (put("node", "berlin", {"role": "master"}), "a node keeps its role"),
        (put("site", "other", {"name": "x"}), "the site's document is called 'site'"),
        (put("user", "", ADMIN), "is no name"),
        (put("user", " rita", ADMIN), "is no name"),
        (put("user", "ri\nta", ADMIN), "is no name"),
        (delete("site", SITE_ID), "the site's own document cannot be deleted"),
        (delete("node", "alpha"), "node 'alpha' is a master; only traffic nodes"),
        (delete("user", "admin"), "at least one enabled administrator"),
        (put("user", "admin", {**ADMIN, "disabled": True}), "at least one enabled administrator"),
        (put("user", "admin", {"role": "administrator"}), "at least one enabled administrator"),
        (
            put("node", "denver", {"role": "traffic", "public_address": BERLIN_SHOUTED}),
            "public_address: berlin.example:7443 belongs to node 'berlin' already",
        ),
    ],
)
def test_what_breaks_a_rule_is_reported(change: ProposedChange, message: str) -> None:
    assert message in refused(change)


def test_one_document_is_changed_once_in_a_request() -> None:
    assert "changed twice" in refused(put("node", "x", BERLIN), delete("node", "x"))


def test_the_last_administrator_may_go_when_another_comes_with_the_same_request() -> None:
    assert apply_changes(SITE, (delete("user", "admin"), put("user", "anna", ADMIN)))


def test_a_node_may_be_written_with_the_address_that_it_has() -> None:
    assert apply_changes(SITE, (put("node", "berlin", {**BERLIN, "region": "eu"}),))


def test_two_nodes_may_change_addresses_at_once() -> None:
    two = documents(
        put("node", "one", {"role": "traffic", "public_address": {"host": "a", "port": 1}}),
        put("node", "two", {"role": "traffic", "public_address": {"host": "b", "port": 1}}),
    )

    assert apply_changes(
        two,
        (
            put("node", "one", {"role": "traffic", "public_address": {"host": "b", "port": 1}}),
            put("node", "two", {"role": "traffic", "public_address": {"host": "a", "port": 1}}),
        ),
    )


@pytest.mark.parametrize("expected", [None, 5])
def test_a_change_passes_at_the_revision_that_was_seen(expected: int | None) -> None:
    assert apply_changes(SITE, (put("node", "berlin", BERLIN, expected),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("node", "berlin", BERLIN, 4), "node 'berlin' is at revision 5, not at 4"),
        (put("node", "berlin", BERLIN, 0), "node 'berlin' is at revision 5, not at 0"),
        (put("node", "denver", {"role": "traffic"}, 3), "node 'denver' is not there, not at 3"),
        (delete("node", "berlin", 6), "node 'berlin' is at revision 5, not at 6"),
    ],
)
def test_a_change_of_another_revision_is_a_conflict(change: ProposedChange, message: str) -> None:
    with pytest.raises(RevisionConflict, match=message):
        apply_changes(SITE, (change,))


def test_what_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(NotFound, match="there is no user 'nobody'"):
        apply_changes(SITE, (delete("user", "nobody"),))


def test_documents_after_changes_carry_the_revision_and_keep_the_old_ones() -> None:
    after = SITE.with_(
        {Ref("node", "berlin"): None, Ref("node", "x"): {"role": "traffic"}}, Revision(6)
    )

    assert after.get("node", "berlin") is None
    assert after.get("node", "x") == Document("node", "x", Revision(6), {"role": "traffic"})
    assert SITE.get("node", "berlin") is not None
    assert len(after) == len(SITE)
    assert {each.id for each in after if each.kind == Kind.NODE} == {"alpha", "x"}
