import pytest

from services.gateway.conflicts.core import changes_to_apply, find_conflict, without_secrets
from shared.documents import Kind
from shared.events.conflict import ConflictChange, ConflictLine
from tools.fuzz.declared import example

USER = {"role": "auditor", "password_hash": "sealed elsewhere"}


def line(node: str, resolution: str = "") -> ConflictLine:
    fields = {**example(ConflictLine), "id": "7", "node": node, "resolution": resolution}
    return ConflictLine.model_validate(fields)


def change(kind: str, id_: str, body: dict[str, object] | None) -> ConflictChange:
    op = "delete" if body is None else "put"
    fields = {**example(ConflictChange), "kind": kind, "id": id_, "op": op, "body": body}
    return ConflictChange.model_validate(fields)


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
