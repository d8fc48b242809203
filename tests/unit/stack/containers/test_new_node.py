"""One more traffic node: its key, its document, and what makes it serve."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clients.files.site_file import read_documents
from clients.files.site_secrets import make_node_key as make_key
from shared.api.cluster import NodeStatus
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from stack.containers.new_node import NewNode, explain, make_node_key, node_document, serve
from stack.containers.settings import Settings
from stack.containers.site import ContainerSite
from stack.containers.site_calls import SiteCalls

KEY = "a" * 43 + "="
LISBON = NewNode("lisbon", 7446, "eu", "Europe/Lisbon")
STATUS = NodeStatus(
    node=NodeId("lisbon"),
    role=NodeRole.TRAFFIC,
    region="eu",
    liveness=Liveness.DEAD,
    acts_as=None,
    epoch=None,
    revision=None,
    follower=None,
    lag=None,
    sessions=None,
    connections=None,
    bytes_per_second=None,
    draining=False,
    accepting_new_clients=True,
    could_take_over=None,
    reasons=(),
    version=None,
)


@dataclass
class FakeCalls(SiteCalls):
    """A site in which the node is alive from the third look on, and has caught up by the second."""

    applied: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    looks: int = 0
    syncs: int = 0

    def apply(self, documents: tuple[Mapping[str, Any], ...]) -> int:
        self.applied += documents
        return len(documents)

    def node(self, name: str) -> NodeStatus | None:
        self.looks += 1
        if self.looks == 1:
            return None
        liveness = Liveness.ALIVE if self.looks > 2 else Liveness.DEAD
        return STATUS.model_copy(update={"liveness": liveness})

    def has_caught_up(self, name: str) -> bool:
        self.syncs += 1
        return self.syncs == 2


@pytest.fixture
def site(tmp_path: Path) -> ContainerSite:
    (tmp_path / "secrets").mkdir()
    return ContainerSite(Settings(tmp_path), {})


def test_without_yes_the_two_commands_are_printed_exactly(site: ContainerSite) -> None:
    body = node_document("127.0.0.1", LISBON, KEY)
    lines = explain(site, "lisbon", body)

    assert [shlex.split(line) for line in lines[1:]] == [
        [
            *(".venv/bin/meridian", "login", "admin", "--password-file", "secrets/admin"),
            *("--site", "https://127.0.0.1:8443,https://127.0.0.1:8444", "--ca", "secrets/ca.pem"),
        ],
        [".venv/bin/meridian", "apply", "-f", "secrets/lisbon.yaml"],
    ]
    (document,) = read_documents(site.root / "secrets" / "lisbon.yaml")
    assert document["id"] == "lisbon"
    assert document["body"] == body


def test_with_yes_the_document_is_applied_and_the_node_s_service_awaited(
    site: ContainerSite,
) -> None:
    calls, pauses = FakeCalls(site.settings), list[float]()
    serve(calls, "lisbon", node_document("127.0.0.1", LISBON, KEY), pauses.append)

    assert [(each["kind"], each["id"]) for each in calls.applied] == [("node", "lisbon")]
    assert (calls.looks, calls.syncs, len(pauses)) == (4, 2, 3)


def test_the_document_holds_the_options_of_the_command_and_nothing_else() -> None:
    assert json.dumps(node_document("192.0.2.7", LISBON, KEY), sort_keys=True) == json.dumps(
        {
            "public_address": {"host": "192.0.2.7", "port": 7446},
            "public_key": KEY,
            "region": "eu",
            "role": "traffic",
            "timezone": "Europe/Lisbon",
        }
    )


def test_a_node_without_a_time_zone_has_none_in_its_document() -> None:
    assert "timezone" not in node_document("192.0.2.7", NewNode("lisbon", 7446, "eu"), KEY)


@pytest.mark.parametrize(("name", "words"), [("", "say NODE=lisbon"), ("berlin", "already")])
def test_a_name_for_no_new_node_is_refused_in_words(
    site: ContainerSite, name: str, words: str
) -> None:
    with pytest.raises(BadSettings, match=words):
        make_node_key(site, name)


def test_the_key_of_a_node_is_made_once(site: ContainerSite) -> None:
    public = make_key(site.settings.secrets, "lisbon")

    assert make_node_key(site, "lisbon") == public
