import logging
from pathlib import Path

import pytest

from services.relay.control.configuration import NodeConfiguration, default_capacity
from services.relay.control.files import DirectoryCopy, DirectoryFile
from services.relay.core.admission import Admission, RelayState
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument, Timing
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

BERLIN = NodeId("berlin")
SITE = SiteDocument(
    name="s",
    selection=Selection(maximum_client_fallback_to_primary=4),
    timing=Timing(heartbeat_seconds=0.25),
)


def node_configuration(folder: Path) -> tuple[NodeConfiguration, Admission]:
    admission = Admission(7, RelayState())
    return NodeConfiguration(BERLIN, admission, DirectoryFile(folder)), admission


def test_without_a_document_a_master_carries_the_fallback_and_a_traffic_node_the_default() -> None:
    assert default_capacity(is_master=True) == 10
    assert default_capacity(is_master=False) == 1_000


def test_the_node_s_own_document_gives_its_capacity_and_the_site_its_interval(
    tmp_path: Path,
) -> None:
    own, admission = node_configuration(tmp_path)
    nodes = {
        BERLIN: NodeDocument(role=NodeRole.TRAFFIC, capacity=20),
        NodeId("tokyo"): NodeDocument(role=NodeRole.TRAFFIC, capacity=30),
    }
    own.apply(DirectoryCopy(SITE, nodes))
    assert (admission.capacity, own.heartbeat_seconds) == (20, 0.25)


def test_a_master_carries_what_the_site_allows_for_the_fallback(tmp_path: Path) -> None:
    own, admission = node_configuration(tmp_path)
    own.apply(DirectoryCopy(SITE, {BERLIN: NodeDocument(role=NodeRole.MASTER, capacity=20)}))
    assert admission.capacity == 4


def test_a_node_that_is_not_in_the_directory_keeps_what_it_had(tmp_path: Path) -> None:
    own, admission = node_configuration(tmp_path)
    own.apply(DirectoryCopy(None, {}))
    assert (admission.capacity, own.heartbeat_seconds) == (7, 0.5)


def test_an_absent_copy_changes_nothing(tmp_path: Path) -> None:
    own, admission = node_configuration(tmp_path)
    own.refresh()
    assert admission.capacity == 7


def test_an_unreadable_copy_changes_nothing_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own, admission = node_configuration(tmp_path)
    (tmp_path / "snapshot.json").write_text("{")
    with caplog.at_level(logging.WARNING):
        own.refresh()
        own.refresh()
    assert admission.capacity == 7
    assert len(caplog.records) == 1
