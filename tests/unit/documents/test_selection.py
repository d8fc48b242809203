from typing import Any

import pytest

from shared.documents import DOCUMENTS, Kind
from shared.documents.selection import (
    Selection,
    SelectionMethod,
    SelectionOverride,
    SelectionPolicy,
    merged,
)
from shared.documents.shape import validate_body
from shared.domain.errors import InvalidChange

RANDOM, ZONE, LOAD = (
    SelectionMethod.RANDOM,
    SelectionMethod.TIMEZONE_OFFSET,
    SelectionMethod.LEAST_LOAD,
)
NAMED = {"name": "relay.example.com"}


def site(selection: dict[str, Any]) -> dict[str, Any]:
    body = {"name": "support.example.com", "selection": selection}
    kept: dict[str, Any] = validate_body(DOCUMENTS[Kind.SITE], "site", body)["selection"]
    return kept


def refused(selection: dict[str, Any]) -> str:
    with pytest.raises(InvalidChange) as caught:
        site(selection)
    return caught.value.message


def test_a_body_from_before_lists_is_a_list_of_one_and_written_as_a_list() -> None:
    kept = site({"method": "timezone_offset", "maximum_client_fallback_to_primary": 3})

    assert kept["methods"] == ["timezone_offset"]
    assert "method" not in kept
    assert kept["maximum_client_fallback_to_primary"] == 3


def test_what_was_written_is_read_again_unchanged() -> None:
    kept = site({"methods": ["a_record", "geo", "least_load"], "a_record": NAMED})

    assert site(kept) == kept


def test_methods_are_kept_in_their_order() -> None:
    assert Selection.model_validate({"methods": ["timezone_offset", "random"]}).methods == (
        ZONE,
        RANDOM,
    )


@pytest.mark.parametrize("method", SelectionMethod)
def test_every_method_can_be_configured(method: SelectionMethod) -> None:
    needs = {
        "a_record": NAMED,
        "srv_record": {"name": "_relay._tcp.example.com", "resolvers": ["192.0.2.53"]},
        "ip_anycast": {"host": "192.0.2.1", "port": 443},
    }

    assert site({"methods": [method], **needs})["methods"] == [method]


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        ({"methods": []}, "selection.methods: Tuple should have at least 1 item"),
        ({"methods": ["dice"]}, "selection.methods.0: Input should be 'random'"),
        ({"methods": ["geo", "geo"]}, "'geo' stands there twice: name each once"),
        ({"method": "geo", "methods": ["geo"]}, "say method or methods, not both"),
        ({"methods": ["a_record"]}, "the method a_record needs its name, as in a_record: {name:"),
        ({"methods": ["random", "srv_record"]}, "the method srv_record needs its name, as in srv"),
        ({"methods": ["ip_anycast"]}, "the method ip_anycast needs its address, as in ip_any"),
        ({"a_record": {"name": "no name"}}, "is no host name like help.example.com"),
        ({"a_record": {**NAMED, "resolvers": ["ns1"]}}, "a_record.resolvers.0.address"),
        ({"a_record": {**NAMED, "timeout_seconds": 0}}, "timeout_seconds: Input should be greater"),
        ({"regions": {"affinity": ["eu", "eu"]}}, "'eu' stands there twice"),
        (
            {"regions": {"affinity": ["eu"], "exclude": ["eu"]}},
            "'eu' is both preferred and excluded: choose one",
        ),
        ({"latency": {"hysteresis_ms": -1}}, "latency.hysteresis_ms: Input should be greater"),
        ({"slow_start_seconds": float("nan")}, "slow_start_seconds: Input should be a finite"),
        ({"policy": "both"}, "policy: Input should be 'customer', 'representative' or 'pair'"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_reported_in_a_sentence(
    selection: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(selection)


def test_a_resolver_is_a_number_with_or_without_a_port() -> None:
    resolvers = ["192.0.2.53", {"address": "2001:db8::53", "port": 5353}]
    kept = site({"methods": ["a_record"], "a_record": {**NAMED, "resolvers": resolvers}})

    assert kept["a_record"]["resolvers"] == [
        {"address": "192.0.2.53", "port": 53},
        {"address": "2001:db8::53", "port": 5353},
    ]


def test_a_later_word_wins_and_silence_leaves_it_as_it_is() -> None:
    here = Selection(methods=(RANDOM,), panic_threshold_percent=50)
    public_site = SelectionOverride(methods=(ZONE,), policy=SelectionPolicy.PAIR)
    team = SelectionOverride(methods=(LOAD,))

    found = merged(here, public_site, None, team)

    assert found.methods == (LOAD,)
    assert found.policy is SelectionPolicy.PAIR
    assert found.panic_threshold_percent == 50
    assert merged(here, None, SelectionOverride()) == here


def test_an_override_says_nothing_unless_it_does() -> None:
    assert set(SelectionOverride().model_dump().values()) == {None}


@pytest.mark.parametrize("kind", [Kind.PUBLIC_SITE, Kind.TEAM])
def test_public_sites_and_teams_may_override(kind: Kind) -> None:
    body: dict[str, Any] = {"selection": {"method": "geo", "policy": "pair"}}
    if kind is Kind.PUBLIC_SITE:
        body["hostnames"] = ["help.example.com"]

    kept = validate_body(DOCUMENTS[kind], "x", body)["selection"]

    assert kept["methods"] == ["geo"]
    assert kept["policy"] == "pair"
    assert kept["regions"] is None
