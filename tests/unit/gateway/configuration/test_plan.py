from typing import Any

import pytest

from services.gateway.configuration.core import (
    BATCH_BYTES,
    Planned,
    plan_changes,
    split_into_batches,
)
from shared.documents import Kind, normalise_body
from shared.domain.document import Document, Ref
from shared.domain.errors import InvalidChange
from shared.domain.ids import Revision

BERLIN: Ref = Ref(Kind.NODE, "berlin")
RITA: Ref = Ref(Kind.USER, "rita")
SITE: Ref = Ref(Kind.SITE, "site")
KEY = "A" * 43 + "="


def there(ref: Ref, body: dict[str, Any], revision: int = 3) -> dict[Ref, Document]:
    return {ref: stored(ref, body, revision)}


def stored(ref: Ref, body: dict[str, Any], revision: int) -> Document:
    return Document(*ref, Revision(revision), normalise_body(Kind(ref.kind), ref.id, body))


def test_what_is_missing_is_created_and_expected_to_be_missing() -> None:
    (change,) = plan_changes({}, {BERLIN: {"role": "traffic"}}, prune=False)

    assert change.op == "create"
    assert change.expected_revision == 0


def test_what_differs_is_updated_from_the_revision_that_was_seen() -> None:
    current = there(BERLIN, {"role": "traffic", "region": "eu"})

    (change,) = plan_changes(current, {BERLIN: {"role": "traffic", "region": "us"}}, prune=False)

    assert change.op == "update"
    assert change.expected_revision == 3
    assert change.before is not None
    assert change.before["region"] == "eu"


def test_a_default_written_out_is_no_change() -> None:
    current = there(BERLIN, {"role": "traffic"})

    assert plan_changes(current, {BERLIN: {"role": "traffic", "weight": 1}}, prune=False) == ()


def test_nothing_is_deleted_unless_pruning_was_asked_for() -> None:
    current = there(BERLIN, {"role": "traffic"})

    assert plan_changes(current, {}, prune=False) == ()
    (change,) = plan_changes(current, {}, prune=True)
    assert change.op == "delete"


def test_the_site_document_is_never_pruned() -> None:
    assert plan_changes(there(SITE, {"name": "s.example"}), {}, prune=True) == ()


@pytest.mark.parametrize(
    ("ref", "kept", "rest"),
    [
        (BERLIN, {"public_key": KEY}, {"role": "traffic"}),
        (RITA, {"password_hash": "sealed"}, {"role": "auditor"}),
    ],
)
def test_what_people_do_not_write_is_kept(
    ref: Ref, kept: dict[str, str], rest: dict[str, Any]
) -> None:
    assert plan_changes(there(ref, {**rest, **kept}), {ref: rest}, prune=False) == ()


def test_an_unknown_field_is_reported_with_its_name() -> None:
    with pytest.raises(InvalidChange, match="node 'berlin': colour") as caught:
        plan_changes({}, {BERLIN: {"role": "traffic", "colour": "red"}}, prune=False)

    assert caught.value.attributes["field"] == "colour"


def test_a_prefix_that_is_no_network_is_reported() -> None:
    with pytest.raises(InvalidChange, match=r"'10\.0\.0\.1/8' is no network"):
        normalise_body(Kind.NODE, "berlin", {"role": "traffic", "prefixes": ["10.0.0.1/8"]})


def test_nothing_to_change_needs_no_entry() -> None:
    assert split_into_batches(()) == ()


def test_an_entry_is_measured_in_bytes_not_in_characters() -> None:
    large = {"note": "\N{PEDESTRIAN}" * (BATCH_BYTES // 5)}
    changes = tuple(
        Planned(Kind.NODE, f"n{number}", None, large, Revision(0)) for number in range(3)
    )

    assert [len(part) for part in split_into_batches(changes)] == [1, 1, 1]


TEAM: Ref = Ref(Kind.TEAM, "desk")
HELP: Ref = Ref(Kind.PUBLIC_SITE, "help")
BODIES: dict[Ref, dict[str, Any]] = {
    HELP: {"hostnames": ["help.example"], "teams": ["desk"]},
    TEAM: {"members": ["rita"]},
    RITA: {"role": "representative"},
    BERLIN: {"role": "traffic"},
    SITE: {"name": "s.example"},
}


def test_what_is_named_is_made_before_what_names_it() -> None:
    changes = plan_changes({}, BODIES, prune=False)

    assert [(change.kind, change.id) for change in changes] == [SITE, BERLIN, RITA, TEAM, HELP]


def test_what_names_others_goes_before_them_and_after_every_other_change() -> None:
    current = {ref: each for ref in BODIES for each in there(ref, BODIES[ref]).values()}

    changes = plan_changes(current, {SITE: {"name": "t.example"}}, prune=True)

    assert [change.op for change in changes] == ["update", "delete", "delete", "delete", "delete"]
    assert [(change.kind, change.id) for change in changes] == [SITE, HELP, TEAM, RITA, BERLIN]
