"""Rules of selection are refused when they are written without what their methods need."""

from typing import Any

import pytest

from services.gateway.placement.selector import SELECT_ATTEMPT_SECONDS
from shared.documents.rules.changes import apply_changes
from shared.documents.selection import LONGEST_LOOKUP_SECONDS
from shared.documents.state import Documents
from shared.domain.document import Ref
from shared.domain.errors import InvalidChange
from shared.domain.ids import Revision
from shared.events.config import ProposedChange

LOOKUP = {"name": "relay.example.com"}
LATE = {**LOOKUP, "timeout_seconds": 5}


MORE: dict[str, dict[str, Any]] = {
    "site": {"name": "s"},
    "public_site": {"hostnames": ["help.example"]},
    "team": {},
}


def put(kind: str, id_: str, selection: dict[str, Any]) -> ProposedChange:
    body = {**MORE[kind], "selection": selection}
    return ProposedChange(kind=kind, id=id_, op="put", body=body)


def site(selection: dict[str, Any] | None = None) -> Documents:
    nothing = Documents({})
    return nothing.with_(
        apply_changes(nothing, (put("site", "site", selection or {}),)), Revision(1)
    )


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        (
            put("public_site", "help", {"methods": ["a_record"]}),
            (
                "public_site 'help': selection.a_record: the site says none, so the method "
                "a_record needs its name, as in a_record: {name: relay.example.com}"
            ),
            "selection.a_record",
        ),
        (
            put("team", "desk", {"method": "srv_record"}),
            (
                "team 'desk': selection.srv_record: the site says none, so the method srv_record "
                "needs its name, as in srv_record: {name: _relay._tcp.example.com}"
            ),
            "selection.srv_record",
        ),
        (
            put("team", "desk", {"methods": ["geo", "ip_anycast"]}),
            (
                "team 'desk': selection.ip_anycast: the site says none, so the method ip_anycast "
                "needs its address, as in ip_anycast: {host: 192.0.2.1, port: 443}"
            ),
            "selection.ip_anycast",
        ),
        (
            put("site", "site", {"methods": ["a_record"], "a_record": LATE}),
            (
                "site 'site': selection.a_record.timeout_seconds: nobody waits longer than 1.2 "
                "seconds for a node; say no more than that"
            ),
            "selection.a_record.timeout_seconds",
        ),
        (
            put("team", "desk", {"srv_record": LATE}),
            (
                "team 'desk': selection.srv_record.timeout_seconds: nobody waits longer than 1.2 "
                "seconds for a node; say no more than that"
            ),
            "selection.srv_record.timeout_seconds",
        ),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_one_sentence(
    change: ProposedChange, message: str, field: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        apply_changes(site(), (change,))
    assert caught.value.message == message
    assert caught.value.attributes["field"] == field


@pytest.mark.parametrize(
    "selection",
    [{}, {"policy": "pair"}, {"methods": ["geo"]}, {"methods": ["a_record"], "a_record": LOOKUP}],
)
def test_a_rule_that_says_what_it_needs_is_taken(selection: dict[str, Any]) -> None:
    assert apply_changes(site(), (put("team", "desk", selection),))


def test_what_the_site_sets_need_not_be_set_again() -> None:
    message = site({"a_record": LOOKUP})
    assert apply_changes(message, (put("team", "desk", {"methods": ["a_record"]}),))


def test_the_site_may_say_it_in_the_same_request() -> None:
    changes = (
        put("team", "desk", {"methods": ["a_record"]}),
        put("site", "site", {"a_record": LOOKUP}),
    )
    assert apply_changes(site(), changes)


def test_rules_of_before_do_not_bar_a_change_of_something_else() -> None:
    old = apply_changes(site(), (put("team", "desk", {}),))
    old[Ref("team", "desk")]["selection"] = {"methods": ["a_record"], "srv_record": LATE}
    there = site().with_(old, Revision(2))
    assert apply_changes(there, (put("public_site", "help", {}),))


def test_a_lookup_ends_before_a_gateway_asks_another_replica() -> None:
    assert SELECT_ATTEMPT_SECONDS - 0.2 > LONGEST_LOOKUP_SECONDS
