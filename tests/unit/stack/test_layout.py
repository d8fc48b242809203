"""The layout: what a site consists of, and that `site.json` gives it back."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared.domain.node import NodeRole
from stack import layout as layouts
from stack.failure import StartFailed
from stack.layout import FILE, PLACES, Layout, Place, plan, read
from stack.ports import BLOCK


def build_layout(state: Path, places: tuple[Place, ...] = PLACES) -> Layout:
    return plan("test.example", state, 20_000, itertools.count(20_001).__next__, places)


def ports_of(layout: Layout) -> list[int]:
    ports = [port for node in layout.nodes for port in node.services.values()]
    for node in layout.nodes:
        ports += [port for port in (node.postgres, node.relay, node.gateway) if port]
        ports += [node.nats.client, node.nats.cluster, node.nats.monitor] if node.nats else []
    return ports


def test_a_site_has_two_masters_a_witness_and_a_traffic_node_in_each_region(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    assert [node.name for node in layout.masters] == ["alpha", "bravo"]
    assert layout.witness.name == "witness"
    traffic = layout.with_role(NodeRole.TRAFFIC)
    assert {node.name: node.place.region for node in traffic} == {
        "berlin": "eu",
        "denver": "us",
        "tokyo": "ap",
    }


def test_masters_and_the_witness_run_nats_and_masters_alone_a_database(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    assert [node.name for node in layout.servers] == ["alpha", "bravo", "witness"]
    assert [node.name for node in layout.nodes if node.postgres] == ["alpha", "bravo"]


def test_a_master_runs_seven_services_and_a_traffic_node_two(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    assert set(layout.node("alpha").services) == {
        *("config", "replication", "failover_monitor", "node_selector", "gateway", "relay"),
        "webhooks",
    }
    assert set(layout.node("tokyo").services) == {"relay", "replication"}
    assert layout.witness.services == {}


def test_no_two_servers_share_a_port_and_all_fit_into_one_block(tmp_path: Path) -> None:
    ports = ports_of(build_layout(tmp_path))
    assert len(set(ports)) == len(ports) < BLOCK


def test_the_ports_of_a_site_are_counted_before_it_is_built(tmp_path: Path) -> None:
    places = tuple(replace(PLACES[-1], name=f"node-{number}") for number in range(50))
    for each in (PLACES, (*PLACES, *places)):
        assert layouts.ports_of(each) == len(ports_of(build_layout(tmp_path, each)))


def test_only_masters_have_a_gateway(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    assert layout.gateway_urls == tuple(node.gateway_url for node in layout.masters)
    assert layout.node("berlin").gateway_url is None


def test_a_layout_that_was_written_is_read_again_as_it_was(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    layout.write()
    assert read(tmp_path) == layout


def test_a_site_that_was_moved_knows_its_new_folder(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    build_layout(old).write()
    old.rename(new)
    found = read(new)
    assert found is not None
    assert found.state == new


def test_the_file_shows_other_shells_where_gateways_and_authority_are(tmp_path: Path) -> None:
    layout = build_layout(tmp_path)
    layout.write()
    document = json.loads((tmp_path / FILE).read_text())
    assert document["gateway_urls"] == list(layout.gateway_urls)
    assert document["ca_file"] == str(layout.ca_file)
    assert document["admin_password_file"] == str(layout.admin_password_file)


def test_a_folder_without_the_file_holds_no_site(tmp_path: Path) -> None:
    assert read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}'])
def test_a_file_that_cannot_be_read_is_reported_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StartFailed, match=r"damaged|another version"):
        read(tmp_path)


def test_an_unknown_node_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no node 'paris': alpha, bravo"):
        build_layout(tmp_path).node("paris")


def test_a_site_may_have_more_traffic_nodes(tmp_path: Path) -> None:
    lagos = Place("lagos", NodeRole.TRAFFIC, "af", "Africa/Lagos", 6.5, 3.4)
    layout = build_layout(tmp_path, (*PLACES, lagos))
    assert set(layout.node("lagos").services) == {"relay", "replication"}
