"""Founding: every node gets its own key, masters share what only masters may have."""

import itertools
import json
import stat
from pathlib import Path

import pytest

from shared.crypto.nodekeys import TRUST_FILE, NodeKey, TrustStore
from shared.documents.node import NodeDocument
from shared.documents.site import SiteDocument
from shared.domain.node import NodeRole
from stack import founding
from stack.binaries import Postgres
from stack.failure import StartFailed
from stack.layout import Layout, plan
from stack.paths import DOCUMENTS
from stack.process_group import ProcessGroup
from tests.unit.stack.fork_server_fake import ForkServerFake

KEYED = ("alpha", "bravo", "berlin", "denver", "tokyo")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    founding.make_folders(layout)
    founding.make_secrets(layout)
    return layout


@pytest.fixture
def founded(layout: Layout) -> Layout:
    founding.make_keys(layout)
    return layout


def kept(layout: Layout, node: str) -> set[str]:
    return {path.name for path in layout.node_folder(node).iterdir()}


def documents(layout: Layout) -> dict[str, NodeDocument]:
    found = json.loads((layout.state / DOCUMENTS).read_text())["nodes"]
    return {name: NodeDocument.model_validate(body) for name, body in found.items()}


def test_masters_hold_the_site_secret_and_the_authority_and_traffic_nodes_do_not(
    founded: Layout,
) -> None:
    for master in ("alpha", "bravo"):
        assert {"site.secret", "ca.key", "ca.pem", "node.key", TRUST_FILE} == kept(founded, master)
    for node in ("berlin", "denver", "tokyo"):
        assert {"ca.pem", "node.key", TRUST_FILE} == kept(founded, node)
    assert kept(founded, "witness") == set()


def test_both_masters_hold_the_same_secret(founded: Layout) -> None:
    for name in ("site.secret", "ca.key", "ca.pem"):
        copies = {(founded.node_folder(node) / name).read_bytes() for node in ("alpha", "bravo")}
        assert len(copies) == 1


def test_no_two_nodes_share_a_key(founded: Layout) -> None:
    keys = {(founded.node_folder(node) / "node.key").read_bytes() for node in KEYED}
    assert len(keys) == len(KEYED)


def test_every_node_pins_the_keys_of_both_masters_of_the_same_cluster(founded: Layout) -> None:
    stores = [TrustStore.load(founded.node_folder(node) / TRUST_FILE) for node in KEYED]
    assert len({store.cluster_id for store in stores}) == 1
    signature = NodeKey.load(founded.node_folder("bravo") / "node.key").sign(b"a word")
    for store in stores:
        assert set(store.masters) == {"alpha", "bravo"}
        assert store.verify(founded.node("bravo").name, signature, b"a word")


def test_each_nodes_document_holds_its_own_public_key(founded: Layout) -> None:
    for node in KEYED:
        own = NodeKey.load(founded.node_folder(node) / "node.key").public_b64
        assert documents(founded)[node].public_key == own
    assert documents(founded)["witness"].public_key == ""


def test_the_documents_say_where_relays_and_front_doors_are(founded: Layout) -> None:
    for node in founded.nodes:
        document = documents(founded)[node.name]
        assert document.role is node.place.role
        assert document.gateway_url == node.gateway_url
        address = document.public_address
        assert (address.port if address else 0) == node.relay
    assert documents(founded)["tokyo"].role is NodeRole.TRAFFIC


def test_the_site_is_called_by_its_name(founded: Layout) -> None:
    found = json.loads((founded.state / DOCUMENTS).read_text())["site"]
    assert SiteDocument.model_validate(found).name == "test.example"


def test_secrets_and_keys_are_for_their_owner_alone(founded: Layout) -> None:
    secret = [*founded.secret("psk").parent.iterdir()]
    secret += [founded.node_folder(node) / "node.key" for node in KEYED]
    secret += [founded.node_folder("bravo") / name for name in ("site.secret", "ca.key")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    folders = [founded.node_folder(node) for node in KEYED]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


async def test_the_first_master_makes_the_log_and_the_second_joins(founded: Layout) -> None:
    fork_server = ForkServerFake(exit_codes={"alpha.config": 0, "bravo.config": 0})
    processes = ProcessGroup(
        founded, fork_server.as_client(), Path("nats-server"), Postgres(Path("bin"), None)
    )
    await founding.found(processes)
    init, join = fork_server.started
    document = str(founded.state / DOCUMENTS)
    expected = ("config", "init", "--site", "test.example", "--document", document)
    assert init.arguments == expected
    assert init.environment["MERIDIAN_NODE"] == "alpha"
    password = init.environment["MERIDIAN_ADMIN_PASSWORD_FILE"]
    assert password == str(founded.admin_password_file)
    assert (join.arguments, join.environment["MERIDIAN_NODE"]) == (("config", "join"), "bravo")


async def test_a_verb_that_fails_is_reported_with_what_it_printed(founded: Layout) -> None:
    fork_server = ForkServerFake(exit_codes={"alpha.config": 2})
    processes = ProcessGroup(
        founded, fork_server.as_client(), Path("nats-server"), Postgres(Path("bin"), None)
    )
    founded.log("alpha", "config-init").write_text("the log exists already\n")
    with pytest.raises(StartFailed, match=r"(?s)config init on alpha .*the log exists already"):
        await founding.found(processes)
    assert len(fork_server.started) == 1
