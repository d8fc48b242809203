"""The rules that cut a node off."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from bench.failover import network
from bench.failover.network import Cut, loss
from stack import layout
from stack.layout import Layout, NatsPorts
from stack.ports import HOST


def plan() -> Layout:
    numbers = iter(range(20_000, 20_100))
    return layout.plan("site", Path(), 19_999, lambda: next(numbers))


def at(site: Layout, node: str, cluster: int) -> Layout:
    """The same site, where *node*'s server listens for the others at *cluster*."""
    nodes = tuple(
        replace(each, nats=NatsPorts(1, cluster, 2)) if each.name == node else each
        for each in site.nodes
    )
    return replace(site, nodes=nodes)


def test_a_share_of_packets_is_lost_by_chance() -> None:
    assert " ".join(loss(0.03)) == "-m statistic --mode random --probability 0.0300 -j DROP"


def test_a_cut_closes_every_port_of_the_node_and_the_connections_that_it_made() -> None:
    with socket.create_server((HOST, 0)) as own, socket.create_server((HOST, 0)) as other:
        cluster, others = own.getsockname()[1], other.getsockname()[1]
        site = at(at(plan(), "alpha", cluster), "bravo", others)
        with socket.create_connection((HOST, others)) as dialled:
            rules = [" ".join(rule) for rule in Cut.around(site, "alpha").rules]
            own_port = dialled.getsockname()[1]
    alpha = site.node("alpha")
    for port in (cluster, alpha.gateway, alpha.relay, own_port):
        assert f"--sport {port} -j DROP" in rules
        assert f"--dport {port} -j DROP" in rules
    assert f"--dport {others} --syn -j DROP" in rules
    assert f"--dport {others} -j DROP" not in rules


def test_without_root_there_is_no_network_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert network.missing() == "it needs root"


def test_programs_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def which(name: str) -> str | None:
        return None if "tables" in name else name

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", which)
    assert network.missing() == "it needs iptables and iptables-restore"
