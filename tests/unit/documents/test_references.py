from typing import Any

import pytest

from shared.documents.rules.changes import apply_changes
from shared.documents.state import Documents
from shared.domain.errors import InUse, InvalidChange
from shared.domain.ids import Revision
from shared.events.config import ProposedChange

RITA = {"role": "representative"}
HELP = {"hostnames": ["help.example"], "teams": ["desk"]}


def put(kind: str, id_: str, body: dict[str, Any]) -> ProposedChange:
    return ProposedChange(kind=kind, id=id_, op="put", body=body)


def delete(kind: str, id_: str) -> ProposedChange:
    return ProposedChange(kind=kind, id=id_, op="delete")


def documents(*changes: ProposedChange) -> Documents:
    nothing = Documents({})
    return nothing.with_(apply_changes(nothing, changes), Revision(5))


SITE = documents(
    put("user", "rita", RITA),
    put("user", "max", {"role": "auditor"}),
    put("team", "desk", {"members": ["rita"], "managers": ["max"]}),
    put("public_site", "help", HELP),
)


@pytest.mark.parametrize(
    ("change", "sentence", "field"),
    [
        (
            put("team", "desk", {"members": ["rita", "nobody"]}),
            "team 'desk': members: there is no user 'nobody'",
            "members",
        ),
        (
            put("team", "new", {"managers": ["nobody"]}),
            "team 'new': managers: there is no user 'nobody'",
            "managers",
        ),
        (
            put("public_site", "help", {**HELP, "teams": ["desk", "night"]}),
            "public_site 'help': teams: there is no team 'night'",
            "teams",
        ),
        (
            put("public_site", "other", {"hostnames": ["HELP.example"]}),
            "public_site 'other': hostnames: help.example belongs to public_site 'help' already",
            "hostnames",
        ),
    ],
)
def test_a_name_that_is_not_there_or_taken_is_reported(
    change: ProposedChange, sentence: str, field: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        apply_changes(SITE, (change,))

    assert caught.value.message == sentence
    assert caught.value.attributes["field"] == field


@pytest.mark.parametrize(
    ("change", "sentence", "referrers"),
    [
        (
            delete("user", "rita"),
            "user 'rita' cannot be deleted: it is named by team 'desk'; change them first",
            ("team 'desk'",),
        ),
        (
            delete("user", "max"),
            "user 'max' cannot be deleted: it is named by team 'desk'; change them first",
            ("team 'desk'",),
        ),
        (
            delete("team", "desk"),
            "team 'desk' cannot be deleted: it is named by public_site 'help'; change them first",
            ("public_site 'help'",),
        ),
    ],
)
def test_what_others_name_cannot_go(
    change: ProposedChange, sentence: str, referrers: tuple[str, ...]
) -> None:
    with pytest.raises(InUse) as caught:
        apply_changes(SITE, (change,))

    assert caught.value.message == sentence
    assert caught.value.attributes["referrers"] == referrers


def test_a_long_list_of_holders_is_reported_in_part() -> None:
    teams = [put("team", f"t{number:02}", {"members": ["rita"]}) for number in range(25)]
    many = documents(put("user", "rita", RITA), *teams)

    with pytest.raises(InUse, match=r"team 't00', .*team 't19' and 5 more; change") as caught:
        apply_changes(many, (delete("user", "rita"),))

    sentence = tuple(f"team 't{number:02}'" for number in range(20))
    assert caught.value.attributes["referrers"] == sentence


def test_what_names_and_what_is_named_may_go_together() -> None:
    everything = (delete("user", "rita"), delete("team", "desk"), delete("public_site", "help"))

    assert apply_changes(SITE, everything)


def test_what_is_named_may_go_with_the_change_that_no_longer_names_it() -> None:
    assert apply_changes(SITE, (delete("user", "rita"), put("team", "desk", {"managers": ["max"]})))


def test_what_names_and_what_is_named_may_come_together() -> None:
    assert apply_changes(
        SITE, (put("team", "night", {"members": ["ole"]}), put("user", "ole", RITA))
    )


def test_a_document_that_nobody_names_may_go() -> None:
    assert apply_changes(SITE, (delete("public_site", "help"),)) == {("public_site", "help"): None}


def test_a_public_site_may_be_written_with_the_host_name_that_it_has() -> None:
    assert apply_changes(SITE, (put("public_site", "help", {**HELP, "display_name": "Help"}),))


def test_two_public_sites_may_change_host_names_at_once() -> None:
    two = documents(
        put("public_site", "one", {"hostnames": ["a"]}),
        put("public_site", "two", {"hostnames": ["b"]}),
    )

    assert apply_changes(
        two,
        (
            put("public_site", "one", {"hostnames": ["b"]}),
            put("public_site", "two", {"hostnames": ["a"]}),
        ),
    )


def test_two_new_public_sites_cannot_share_a_host_name() -> None:
    one = put("public_site", "one", {"hostnames": ["a"]})
    two = put("public_site", "two", {"hostnames": ["a"]})

    with pytest.raises(InvalidChange, match=r"hostnames: a belongs to public_site '\w+' already"):
        apply_changes(SITE, (one, two))


def test_a_host_name_may_move_with_the_public_site_that_gives_it_up() -> None:
    taken = put("public_site", "other", {"hostnames": ["help.example"]})

    assert apply_changes(SITE, (delete("public_site", "help"), taken))
