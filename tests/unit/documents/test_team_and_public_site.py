from typing import Any

import pytest

from shared.documents import COLLECTIONS, DIRECTORY_KINDS, DOCUMENTS, Kind
from shared.documents.references import REFERENCES, Reference, named_by
from shared.documents.selection import SelectionMethod
from shared.documents.shape import validate_body
from shared.domain.errors import InvalidChange

HELP = {"hostnames": ["help.example"]}


def refused(kind: Kind, body: dict[str, Any]) -> str:
    with pytest.raises(InvalidChange) as caught:
        validate_body(DOCUMENTS[kind], kind, body)
    return caught.value.message


def test_a_host_name_is_kept_as_host_names_are_compared() -> None:
    body = {"hostnames": [" Help.Example.COM. ", "localhost"]}

    kept = validate_body(DOCUMENTS[Kind.PUBLIC_SITE], "help", body)

    assert kept["hostnames"] == ["help.example.com", "localhost"]


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "-a.example", "a_b", "ü..example", "a" * 64, "a." * 127 + "b" * 9]
)
def test_what_is_no_host_name_is_reported(name: str) -> None:
    assert "is no host name like help.example.com" in refused(
        Kind.PUBLIC_SITE, {"hostnames": [name]}
    )


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (Kind.PUBLIC_SITE, {}, "hostnames: Field required"),
        (Kind.PUBLIC_SITE, {"hostnames": []}, "hostnames: Tuple should have at least 1 item"),
        (Kind.PUBLIC_SITE, {"hostnames": ["a", "A"]}, "hostnames names 'a' twice"),
        (Kind.PUBLIC_SITE, {**HELP, "teams": ["x", "x"]}, "teams names 'x' twice"),
        (Kind.PUBLIC_SITE, {**HELP, "selection_method": "dice"}, "methods.0: Input should be"),
        (
            Kind.PUBLIC_SITE,
            {**HELP, "selection_method": "geo", "selection": {"method": "random"}},
            "say selection or selection_method, not both",
        ),
        (Kind.TEAM, {"members": ["rita", "rita"]}, "members names 'rita' twice"),
        (Kind.TEAM, {"managers": ["m", "m"]}, "managers names 'm' twice"),
        (Kind.TEAM, {"members": ["ri\0ta"]}, "a text must not hold the character NUL"),
        (Kind.TEAM, {"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_team_or_public_site_of_another_shape_is_reported(
    kind: Kind, body: dict[str, Any], message: str
) -> None:
    assert message in refused(kind, body)


def test_a_public_site_without_a_method_leaves_it_to_the_site() -> None:
    kept = validate_body(DOCUMENTS[Kind.PUBLIC_SITE], "help", HELP)

    assert set(kept["selection"].values()) == {None}


def test_the_method_of_a_public_site_as_it_was_once_written_is_read() -> None:
    kept = validate_body(
        DOCUMENTS[Kind.PUBLIC_SITE], "help", {**HELP, "selection_method": "random"}
    )

    assert kept["selection"]["methods"] == [SelectionMethod.RANDOM]
    assert "selection_method" not in kept
    without = validate_body(DOCUMENTS[Kind.PUBLIC_SITE], "help", {**HELP, "selection_method": None})
    assert set(without["selection"].values()) == {None}


def test_every_reference_is_a_field_of_its_document_and_names_an_earlier_kind() -> None:
    order = list(Kind)
    for kind, references in REFERENCES.items():
        for reference in references:
            assert reference.field in DOCUMENTS[kind].model_fields
            assert order.index(reference.kind) < order.index(kind)


def test_a_document_lists_whom_it_names() -> None:
    body = {"members": ["rita", "anna"], "managers": ["max"]}

    assert list(named_by("team", body)) == [
        (Reference("members", Kind.USER), "rita"),
        (Reference("members", Kind.USER), "anna"),
        (Reference("managers", Kind.USER), "max"),
    ]
    assert list(named_by("node", {"role": "traffic"})) == []
    assert list(named_by("team", {})) == []


def test_a_user_names_at_most_one_node() -> None:
    pinned = Reference("pinned_node", Kind.NODE)

    assert list(named_by("user", {"role": "auditor", "pinned_node": "berlin"})) == [
        (pinned, "berlin")
    ]
    assert list(named_by("user", {"role": "auditor", "pinned_node": None})) == []


def test_every_kind_but_the_site_has_a_collection() -> None:
    assert {*COLLECTIONS.values(), Kind.SITE} == set(Kind)


def test_a_traffic_node_gets_no_people() -> None:
    assert Kind.USER not in DIRECTORY_KINDS
    assert Kind.TEAM not in DIRECTORY_KINDS
    assert Kind.PUBLIC_SITE in DIRECTORY_KINDS
