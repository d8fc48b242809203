"""The secrets that a site begins with: whole, closed to others, and never made twice."""

import json
import stat
from pathlib import Path

import pytest

from clients.files.site_secrets import (
    DRAFT,
    NATS_USERS,
    format_nats_include,
    make_node_key,
    make_site_secrets,
)
from shared.crypto.keyring import check_psk
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.crypto.sealing import SiteSecret
from shared.domain.errors import AlreadyExists, BadSettings
from shared.domain.ids import NodeId

MASTERS = {"alpha": "", "bravo": ""}
SERVERS = ("alpha.example:6222", "bravo.example:6222", "witness.example:6222")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    make_site_secrets(folder, MASTERS, ("berlin",), SERVERS)
    return folder


def test_a_new_site_has_every_file_that_its_containers_are_given(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *("psk", "admin", "postgres", "nats-service", "nats-events", "nats-system", "nats.conf"),
        *("site.secret", "ca.pem", "ca.key", "trust.json", "nodes.json"),
        *("alpha.key", "bravo.key", "berlin.key"),
    }
    assert check_psk((folder / "psk").read_text().strip())
    assert SiteSecret.load(folder / "site.secret").token_key


def test_only_the_owner_may_enter_the_folder_and_a_containers_user_may_read_each_file(
    folder: Path,
) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}


def test_the_masters_keys_are_pinned_and_every_public_key_is_listed(folder: Path) -> None:
    keys = {
        name: NodeKey.load(folder / f"{name}.key").public_b64
        for name in ("alpha", "bravo", "berlin")
    }
    trust = TrustStore.load(folder / "trust.json")

    assert trust.masters == {NodeId(name): keys[name] for name in MASTERS}
    assert json.loads((folder / "nodes.json").read_text()) == keys


def test_a_masters_key_that_was_made_elsewhere_is_pinned_and_not_made_again(tmp_path: Path) -> None:
    public = make_node_key(tmp_path / "bravo", "bravo")
    folder = tmp_path / "alpha"
    make_site_secrets(folder, {"alpha": "", "bravo": public}, (), SERVERS)

    assert not (folder / "bravo.key").exists()
    assert TrustStore.load(folder / "trust.json").masters[NodeId("bravo")] == public


def test_secrets_that_are_there_stay_as_they_are(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(AlreadyExists, match="nothing was done"):
        make_site_secrets(folder, MASTERS, (), SERVERS)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_secrets_whose_making_was_interrupted_are_made_by_the_same_command(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    key = make_node_key(folder, "alpha")
    draft = folder / DRAFT
    draft.mkdir()
    for name in ("site.secret", "nats.conf"):
        (draft / name).write_text("half")
    (folder / "site.secret").write_text("moved before the interruption")
    make_site_secrets(folder, MASTERS, (), SERVERS)

    assert not draft.exists()
    assert SiteSecret.load(folder / "site.secret").token_key
    assert TrustStore.load(folder / "trust.json").masters[NodeId("alpha")] == key
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}


def test_a_running_sites_secrets_are_not_made_anew_because_one_is_lost(folder: Path) -> None:
    (folder / "psk").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BadSettings, match="lacks psk: bring it from another node"):
        make_site_secrets(folder, MASTERS, (), SERVERS)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_nodes_key_is_made_once(tmp_path: Path) -> None:
    assert make_node_key(tmp_path, "lisbon") == make_node_key(tmp_path, "lisbon")


@pytest.mark.parametrize("name", ["", "Lisbon!", "-lisbon"])
def test_a_name_that_is_none_makes_no_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSettings):
        make_node_key(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("server", ["alpha", "alpha:", ":6222", "alpha:port"])
def test_a_log_server_needs_a_host_and_a_port(tmp_path: Path, server: str) -> None:
    with pytest.raises(BadSettings, match="HOST:PORT"):
        make_site_secrets(tmp_path / "secrets", MASTERS, (), (server,))
    assert not (tmp_path / "secrets" / "psk").exists()


def test_the_nats_servers_get_their_passwords_and_routes_in_their_own_language() -> None:
    passwords = {user: f"{user}-word" for user in NATS_USERS}
    lines = format_nats_include(passwords, ("a:1", "b:2")).splitlines()

    assert lines == [
        *(f'{user.upper()}_PASSWORD: "{user}-word"' for user in NATS_USERS),
        "ROUTES: [",
        '  "nats://cluster:cluster-word@a:1"',
        '  "nats://cluster:cluster-word@b:2"',
        "]",
    ]
