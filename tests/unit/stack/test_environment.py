"""What each service is told: all it needs, and no secret that it does not need."""

import itertools
from pathlib import Path

import pytest

from stack import nats, postgres
from stack.environment import environment, nats_servers
from stack.layout import Layout, plan


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    (tmp_path / "secrets").mkdir()
    nats.make_secrets(layout)
    postgres.make_secrets(layout)
    return layout


def variables(layout: Layout, node: str, service: str) -> dict[str, str]:
    everything = environment(layout, layout.node(node), service)
    return {name: value for name, value in everything.items() if name.startswith("MERIDIAN_")}


def test_every_service_knows_its_node_its_folder_and_the_key_of_the_cluster(layout: Layout) -> None:
    for node in layout.nodes:
        for service, port in node.services.items():
            values = variables(layout, node.name, service)
            assert values["MERIDIAN_NODE"] == node.name
            assert values["MERIDIAN_STATE_DIR"] == str(layout.node_folder(node.name))
            assert values["MERIDIAN_PSK_FILE"] == str(layout.secret("psk"))
            assert values["MERIDIAN_METRICS_PORT"] == str(port)
            assert values["MERIDIAN_TIMING"] == "local"


@pytest.mark.parametrize("service", ["config", "replication", "failover_monitor"])
def test_who_keeps_master_state_knows_its_own_masters_database(
    layout: Layout, service: str
) -> None:
    urls = {
        variables(layout, node, service)["MERIDIAN_DATABASE_URL"] for node in ("alpha", "bravo")
    }
    assert urls == {postgres.url(layout, master) for master in layout.masters}


@pytest.mark.parametrize(
    ("node", "service"),
    [
        ("alpha", "gateway"),
        ("alpha", "relay"),
        ("alpha", "node_selector"),
        ("tokyo", "replication"),
    ],
)
def test_nobody_else_knows_a_database(layout: Layout, node: str, service: str) -> None:
    assert "MERIDIAN_DATABASE_URL" not in variables(layout, node, service)


def test_the_failover_monitor_alone_knows_the_system_account(layout: Layout) -> None:
    knowing = {
        (node.name, service)
        for node in layout.nodes
        for service in node.services
        if any("SYSTEM" in name for name in variables(layout, node.name, service))
    }
    assert knowing == {("alpha", "failover_monitor"), ("bravo", "failover_monitor")}
    assert variables(layout, "bravo", "failover_monitor")["MERIDIAN_WITNESS"] == "witness"


def test_a_master_asks_its_own_nats_server_first(layout: Layout) -> None:
    for master in layout.masters:
        assert master.nats is not None
        assert nats_servers(layout, master).split(",")[0].endswith(f":{master.nats.client}")


def test_every_node_knows_every_nats_server_and_traffic_nodes_spread(layout: Layout) -> None:
    lists = [nats_servers(layout, layout.node(name)) for name in ("berlin", "denver", "tokyo")]
    assert {frozenset(each.split(",")) for each in lists} == {
        frozenset(nats_servers(layout, layout.node("alpha")).split(","))
    }
    assert len({each.split(",")[0] for each in lists}) == 3


def test_relay_and_gateway_know_where_to_listen(layout: Layout) -> None:
    alpha = layout.node("alpha")
    assert variables(layout, "alpha", "relay")["MERIDIAN_RELAY_PORT"] == str(alpha.relay)
    gateway = variables(layout, "alpha", "gateway")
    assert gateway["MERIDIAN_GATEWAY_PORT"] == str(alpha.gateway)
    assert gateway["MERIDIAN_GATEWAY_URL"] == alpha.gateway_url


def test_nothing_of_the_shell_but_the_harmless_is_inherited(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERIDIAN_PSK", "of another site")
    monkeypatch.setenv("SECRET_TOKEN", "of the shell")
    everything = environment(layout, layout.node("berlin"), "relay")
    assert "MERIDIAN_PSK" not in everything
    assert "SECRET_TOKEN" not in everything
