"""The record of extra traffic nodes and gateways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import BadSettings
from stack.containers.core.extras import (
    Extra,
    ExtraKind,
    adopt,
    format_extras,
    read_extras,
    with_extra,
)
from stack.containers.core.facts import Container

LISBON = Extra(ExtraKind.TRAFFIC_NODE, "lisbon", 7446)
GATEWAY = Extra(ExtraKind.GATEWAY, "alpha", 8445)
EXTRAS = st.builds(
    Extra, st.sampled_from(ExtraKind), st.text("abc-", min_size=1), st.integers(0, 65535)
)


def container(extra: Extra, service: str, project: str | None = None) -> Container:
    name = project or f"meridian-{extra.name}"
    facts = (name, service, f"{name}-{service}-1", "#", "meridian", "id", "exited")
    return Container(*facts, node=extra.node, port=extra.port)


@given(st.frozensets(EXTRAS))
def test_a_record_reads_back_as_it_was_written(extras: frozenset[Extra]) -> None:
    assert read_extras(format_extras(extras), "extras.json") == extras


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"extras": 7}', '{"extras": [{"kind": "moon", "node": "a", "port": 1}]}'],
)
def test_a_damaged_record_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(BadSettings, match=r"remove extras\.json, and make each extra"):
        read_extras(text, "extras.json")


def test_a_node_that_gets_another_port_is_recorded_once() -> None:
    moved = Extra(ExtraKind.TRAFFIC_NODE, "lisbon", 7447)

    assert with_extra({LISBON, GATEWAY}, moved) == {moved, GATEWAY}


def test_containers_that_the_record_does_not_know_are_adopted() -> None:
    found = (
        container(LISBON, "relay"),
        container(LISBON, "replication"),
        container(GATEWAY, "gateway"),
    )

    assert adopt((), found, "meridian") == {LISBON, GATEWAY}


def test_the_record_is_right_where_containers_say_otherwise() -> None:
    old = Extra(ExtraKind.TRAFFIC_NODE, "lisbon", 7000)

    assert adopt({LISBON}, [container(old, "relay")], "meridian") == {LISBON}


def test_the_sites_own_containers_are_no_extras() -> None:
    berlin = Extra(ExtraKind.TRAFFIC_NODE, "berlin", 7443)

    assert adopt((), [container(berlin, "relay", "meridian")], "meridian") == frozenset()


def test_an_extra_knows_its_files_and_the_variable_of_its_port() -> None:
    assert LISBON.files == ("compose/traffic/docker-compose.yml", "compose/traffic/beside.yml")
    assert (LISBON.port_variable, GATEWAY.port_variable) == ("RELAY_PORT", "GATEWAY_PORT")
    assert (LISBON.name, GATEWAY.name) == ("lisbon", "alpha-gateway")
