import pytest

from clients.endpoint.paths import Paths
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.path import Path


def path(number: int, node: str | None = "berlin") -> Path:
    host = "192.0.2.99" if node is None else f"{node}.example.com"
    name = None if node is None else NodeId(node)
    return Path(name, host, 7000, PathGeneration(number), f"ticket {number} {node}")


def known(*paths: Path) -> Paths:
    made = Paths()
    made.add(paths)
    return made


def test_what_is_news_comes_before_what_was_known() -> None:
    paths = known(path(1), path(2))
    assert paths.add([path(1), path(4), path(3)]) == (path(4), path(3))
    assert paths.order == [4, 3, 1, 2]
    assert set(paths) == {path(1), path(2), path(3), path(4)}


def test_a_shared_path_that_became_a_nodes_own_is_news_and_keeps_its_place_in_the_list() -> None:
    paths = known(path(3, None))
    assert paths.add([path(3), path(1), path(2)]) == (path(3), path(1), path(2))
    assert paths.order == [3, 1, 2]
    assert paths[PathGeneration(3)].host == "berlin.example.com"


def test_a_path_never_becomes_a_shared_or_another_nodes_one() -> None:
    paths = known(path(3))
    assert paths.add([path(3, None)]) == ()
    assert paths.add([path(3, "denver")]) == ()
    assert paths[PathGeneration(3)] == path(3)


def test_a_node_is_found_once() -> None:
    paths = known(path(3, None))
    assert paths.node_of(PathGeneration(3)) == ""
    found = [
        paths.record_node(path(3, None), node) for node in (None, NodeId("oslo"), NodeId("oslo"))
    ]
    assert found == [None, "oslo", None]
    assert paths.record_node(path(3, None), NodeId("lima")) == "lima"
    assert paths.node_of(PathGeneration(3)) == "lima"


def test_a_nodes_own_path_finds_nothing() -> None:
    assert known(path(3)).record_node(path(3), NodeId("oslo")) is None


@pytest.mark.parametrize(("offered_node", "unreported"), [(None, [(3, "oslo")]), ("oslo", [])])
def test_a_node_that_the_site_does_not_know_is_reported_again(
    offered_node: str | None, unreported: list[tuple[int, str]]
) -> None:
    paths = known(path(3, None), path(4, None))
    paths.record_node(path(3, None), NodeId("oslo"))
    assert list(paths.unreported_nodes([path(3, offered_node), path(4, None)])) == unreported


@pytest.mark.parametrize(("node", "elsewhere"), [("oslo", True), ("berlin", False)])
def test_whoever_waits_at_another_node_than_the_paths_own_waits_in_vain(
    node: str, elsewhere: bool
) -> None:
    assert known(path(3)).leads_elsewhere(PathGeneration(3), NodeId(node)) is elsewhere
    assert not known(path(3, None)).leads_elsewhere(PathGeneration(3), NodeId(node))
