"""Links: which connections can be cut, and that nobody finds a way around them."""

import itertools
from pathlib import Path

import pytest

from stack import nats, partition, postgres
from stack.environment import nats_servers
from stack.failure import StartFailed
from stack.layout import PLACES, Layout, plan, ports_of, read
from stack.link_proxy import Gates
from stack.links import NOWHERE, links_between

FIRST_PORT = 20_001


def build_layout(folder: Path, *, linked: bool) -> Layout:
    take = itertools.count(FIRST_PORT).__next__
    layout = plan("test.example", folder, 20_000, take, linked=linked)
    (folder / "secrets").mkdir()
    nats.make_secrets(layout)
    postgres.make_secrets(layout)
    return layout


def test_every_node_has_a_link_to_each_server_but_its_own() -> None:
    take = itertools.count().__next__
    links = links_between(("alpha", "bravo", "berlin"), ("alpha", "bravo"), take)
    assert [(each.origin, each.target, each.kind) for each in links] == [
        ("alpha", "bravo", "client"),
        ("bravo", "alpha", "client"),
        ("berlin", "alpha", "client"),
        ("berlin", "bravo", "client"),
        ("alpha", "bravo", "cluster"),
        ("bravo", "alpha", "cluster"),
    ]


def test_no_two_links_listen_on_one_port_and_all_are_counted_beforehand(tmp_path: Path) -> None:
    links = build_layout(tmp_path, linked=True).links
    assert len({each.port for each in links}) == len(links)
    assert ports_of(PLACES, linked=True) == ports_of(PLACES) + len(links)


def test_a_site_without_links_meets_its_servers_where_they_listen(tmp_path: Path) -> None:
    layout = build_layout(tmp_path, linked=False)
    alpha, bravo = layout.masters
    assert bravo.nats is not None
    assert layout.nats_port(alpha, bravo, "client") == bravo.nats.client
    assert layout.nats_port(alpha, bravo, "cluster") == bravo.nats.cluster


def test_a_node_reaches_its_own_server_directly_and_others_over_links(tmp_path: Path) -> None:
    layout = build_layout(tmp_path, linked=True)
    own, *others = nats_servers(layout, layout.node("alpha")).split(",")
    alpha = layout.node("alpha").nats
    assert alpha is not None
    assert own.endswith(f":{alpha.client}")
    ways = {each.port for each in layout.links if (each.origin, each.kind) == ("alpha", "client")}
    assert {int(other.rsplit(":", 1)[1]) for other in others} == ways


def test_servers_route_over_links_and_announce_no_other_way(tmp_path: Path) -> None:
    layout = build_layout(tmp_path, linked=True)
    cluster = nats.configuration(layout, layout.node("bravo"))["cluster"]
    ways = {each.port for each in layout.links if (each.origin, each.kind) == ("bravo", "cluster")}
    assert {int(route.rsplit(":", 1)[1]) for route in cluster["routes"]} == ways
    assert cluster["no_advertise"] is True
    assert cluster["advertise"].endswith(f":{NOWHERE}")


def test_links_are_kept_with_the_site(tmp_path: Path) -> None:
    layout = build_layout(tmp_path, linked=True)
    layout.write()
    assert read(tmp_path) == layout


async def test_cutting_a_site_without_links_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="start it with linked=True"):
        await partition.cut(build_layout(tmp_path, linked=False), [("alpha", "bravo")])


def test_a_cut_closes_one_direction_and_the_next_one_opens_it_again() -> None:
    gates = Gates()
    there, back = gates.of("alpha", "bravo"), gates.of("bravo", "alpha")
    gates.cut([("alpha", "bravo")])
    assert (there.is_set(), back.is_set()) == (False, True)
    gates.cut([("bravo", "alpha")])
    assert (there.is_set(), back.is_set()) == (True, False)
    gates.cut([])
    assert there.is_set()
    assert back.is_set()


def test_a_direction_that_is_cut_before_anybody_used_it_is_closed() -> None:
    gates = Gates()
    gates.cut([("alpha", "bravo")])
    assert not gates.of("alpha", "bravo").is_set()
