import json
from pathlib import Path

import pytest

from services.relay.control.files import DirectoryFile, RelayFile
from services.relay.core.admission import RelayState
from shared.documents.site import SiteDocument
from shared.domain.errors import BadSettings
from shared.domain.ids import Epoch, NodeId, SessionId, UnixMillis

KNOWN = RelayState({SessionId("1234567"): UnixMillis(99)}, draining=True, epoch=Epoch(4))


def test_a_new_relay_remembers_nothing(tmp_path: Path) -> None:
    assert RelayFile(tmp_path).load() == RelayState()


def test_what_was_saved_is_remembered(tmp_path: Path) -> None:
    RelayFile(tmp_path).save(KNOWN)
    assert RelayFile(tmp_path).load() == KNOWN
    RelayFile(tmp_path).save(RelayState())
    assert RelayFile(tmp_path).load() == RelayState()


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    RelayFile(tmp_path).save(KNOWN)
    assert [path.name for path in tmp_path.iterdir()] == ["relay.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"closed": [], "draining": 0, "epoch": 0}', '{"closed": {"1": "x"}}'],
)
def test_an_unreadable_file_is_reported_and_never_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay.json").write_text(text)
    with pytest.raises(BadSettings, match=r"relay\.json cannot be read"):
        RelayFile(tmp_path).load()


def write_copy(folder: Path, *documents: tuple[str, str, dict[str, object]]) -> None:
    listed = [{"kind": kind, "id": name, "body": body} for kind, name, body in documents]
    signed = {"body": json.dumps({"documents": listed}), "signer": "alpha", "signature": ""}
    beside = folder / "draft"
    beside.write_text(json.dumps(signed))
    beside.replace(folder / "snapshot.json")


def test_a_node_without_a_copy_of_the_directory_reads_nothing(tmp_path: Path) -> None:
    assert DirectoryFile(tmp_path).read_if_changed() is None


def test_the_copy_is_read_once_for_each_version(tmp_path: Path) -> None:
    file = DirectoryFile(tmp_path)
    write_copy(tmp_path, ("node", "berlin", {"role": "traffic", "capacity": 5}))
    first = file.read_if_changed()
    assert first is not None
    assert first.nodes[NodeId("berlin")].capacity == 5
    assert first.site is None
    assert file.read_if_changed() is None
    write_copy(tmp_path, ("site", "site", {"name": "s"}), ("user", "u", {"role": "auditor"}))
    second = file.read_if_changed()
    assert second is not None
    assert second.nodes == {}
    assert second.site == SiteDocument(name="s")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"body": 7}', '{"body": "[]"}'])
def test_an_unreadable_copy_is_reported_once_for_each_version(tmp_path: Path, text: str) -> None:
    (tmp_path / "snapshot.json").write_text(text)
    file = DirectoryFile(tmp_path)
    with pytest.raises(BadSettings, match=r"snapshot\.json cannot be read"):
        file.read_if_changed()
    assert file.read_if_changed() is None
