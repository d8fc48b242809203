from typing import Any, Literal

import pytest

from services.gateway.conflicts.core import changes_to_apply, find_conflict, without_secrets
from shared.documents import Kind
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.ids import LogGeneration, NodeId, Revision

USER = {"role": "auditor", "password_hash": "sealed elsewhere"}


def line(node: str, resolution: str = "") -> ConflictLine:
    return ConflictLine(
        id="7",
        node=NodeId(node),
        at_unix_ms=1,
        log_generation=LogGeneration(1),
        revision=Revision(9),
        ancestor=Revision(8),
        count=1,
        resolution=resolution,
    )


def change(kind: str, id_: str, body: dict[str, Any] | None) -> ConflictChange:
    op: Literal["put", "delete"] = "delete" if body is None else "put"
    return ConflictChange(kind, id_, op, body, author="admin", revision=Revision(9))


def test_of_two_copies_of_a_conflict_the_open_one_is_found() -> None:
    found = find_conflict([line("alpha", "discarded"), line("bravo")], "7")
    assert found is not None
    assert found.node == "bravo"
    assert find_conflict([line("alpha")], "8") is None


def test_a_document_that_is_gone_on_both_sides_is_no_change() -> None:
    gone = change(Kind.TEAM, "desk", None)
    assert changes_to_apply([gone], {}, lambda _: True) == []
    (applied,) = changes_to_apply([gone], {(Kind.TEAM, "desk"): {}}, lambda _: True)
    assert (applied.op, applied.id, applied.body) == ("delete", "desk", None)


@pytest.mark.parametrize(
    ("can_open", "there", "kept"),
    [
        (True, {}, "sealed elsewhere"),
        (False, {}, ""),
        (False, {(Kind.USER, "rita"): {"password_hash": "sealed here"}}, "sealed here"),
    ],
)
def test_a_password_that_this_site_cannot_open_is_left_out(
    can_open: bool, there: dict[tuple[str, str], dict[str, str]], kept: str
) -> None:
    (applied,) = changes_to_apply([change(Kind.USER, "rita", USER)], there, lambda _: can_open)
    assert applied.body == {"role": "auditor", "password_hash": kept}


def test_a_conflict_is_shown_without_secrets() -> None:
    assert without_secrets(change(Kind.USER, "rita", USER)).body == {"role": "auditor"}
    assert without_secrets(change(Kind.USER, "rita", None)).body is None
