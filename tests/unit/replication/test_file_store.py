"""The traffic node's file: whole or the old one, its own node's alone, without what it must not
know.
"""

import asyncio
import json
import logging
import stat
from pathlib import Path

import pytest

from services.replication.core.snapshot import Snapshot
from services.replication.replica.store import SNAPSHOT_FILE, FileStore
from shared.crypto.nodekeys import NodeKey, verify
from shared.domain.document import Document
from shared.domain.errors import BadSettings, StoreUnavailable
from shared.domain.ids import NodeId, RequestId, Revision, UnixMillis
from shared.domain.log import ReplicationMode, StoredEntry, empty_position
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import Scope, SignedSnapshot
from tests.integration.entries import GENERATION, EntryWriter, node, put

BERLIN = NodeId("berlin")
KEY = NodeKey.generate()


def store(folder: Path, key: NodeKey = KEY) -> FileStore:
    return FileStore(folder, BERLIN, key, GENERATION)


def kept(folder: Path) -> Snapshot:
    """What another process finds in the file."""
    signed = SignedSnapshot.decode((folder / SNAPSHOT_FILE).read_bytes())
    assert verify(KEY.public_b64, signed.signature, signed.body)
    assert signed.signer == BERLIN
    return Snapshot.decode(signed.body)


def apply(store: FileStore, entry_writer: EntryWriter, stored: StoredEntry) -> None:
    asyncio.run(store.apply(stored, entry_writer.position.sequence))


def test_without_a_file_the_copy_is_empty(tmp_path: Path) -> None:
    assert asyncio.run(store(tmp_path).position()) == empty_position(GENERATION)
    assert not (tmp_path / SNAPSHOT_FILE).exists()


def test_every_entry_is_in_the_file_when_it_is_applied(tmp_path: Path) -> None:
    entry_writer, mine = EntryWriter(), store(tmp_path)
    apply(mine, entry_writer, entry_writer.write(put("node", "berlin", node())))
    assert kept(tmp_path).position == entry_writer.position
    assert kept(tmp_path).scope is Scope.DIRECTORY
    assert kept(tmp_path).documents == (Document("node", "berlin", Revision(1), node()),)


def test_users_never_reach_the_file(tmp_path: Path) -> None:
    entry_writer, mine = EntryWriter(), store(tmp_path)
    apply(
        mine,
        entry_writer,
        entry_writer.write(put("user", "rita", {"password_hash": "sealed"}, "r1")),
    )
    assert b"rita" not in (tmp_path / SNAPSHOT_FILE).read_bytes()
    assert kept(tmp_path).position == entry_writer.position


def test_the_file_is_for_its_owner_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    entry_writer = EntryWriter()
    apply(store(tmp_path), entry_writer, entry_writer.write(put("node", "berlin", node())))
    assert stat.S_IMODE((tmp_path / SNAPSHOT_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SNAPSHOT_FILE]


def test_the_next_process_goes_on_from_the_file(tmp_path: Path) -> None:
    entry_writer = EntryWriter()
    apply(store(tmp_path), entry_writer, entry_writer.write(put("node", "berlin", node())))
    again = store(tmp_path)
    assert asyncio.run(again.position()) == entry_writer.position
    apply(again, entry_writer, entry_writer.write(put("node", "denver", node())))
    assert [document.id for document in kept(tmp_path).documents] == ["berlin", "denver"]


@pytest.mark.parametrize("text", ["", "{", '{"body": 1}', '{"body": "{}", "signer": "x"}'])
def test_a_damaged_file_is_reported_and_begun_anew(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / SNAPSHOT_FILE).write_text(text)
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(store(tmp_path).position()) == empty_position(GENERATION)
    assert "is damaged" in caplog.text


def test_a_file_of_another_node_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry_writer = EntryWriter()
    apply(
        store(tmp_path, NodeKey.generate()),
        entry_writer,
        entry_writer.write(put("node", "berlin", node())),
    )
    assert asyncio.run(store(tmp_path).position()) == empty_position(GENERATION)
    assert "not signed by this node" in caplog.text


def test_a_changed_byte_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entry_writer = EntryWriter()
    apply(store(tmp_path), entry_writer, entry_writer.write(put("node", "berlin", node())))
    path = tmp_path / SNAPSHOT_FILE
    content = json.loads(path.read_text())
    content["body"] = content["body"].replace("berlin", "merlin")
    path.write_text(json.dumps(content))
    assert asyncio.run(store(tmp_path).position()) == empty_position(GENERATION)
    assert "not signed by this node" in caplog.text


def test_a_file_that_may_not_be_read_is_reported_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / SNAPSHOT_FILE).mkdir()
    with pytest.raises(BadSettings, match="cannot be read"):
        asyncio.run(store(tmp_path).position())


def test_a_disk_that_does_not_take_it_leaves_the_copy_as_it_was(tmp_path: Path) -> None:
    entry_writer, mine = EntryWriter(), store(tmp_path)
    apply(mine, entry_writer, entry_writer.write(put("node", "berlin", node())))
    before = entry_writer.position
    (tmp_path / f"{SNAPSHOT_FILE}.new").mkdir()
    with pytest.raises(StoreUnavailable, match="was not written"):
        apply(mine, entry_writer, entry_writer.write(put("node", "denver", node())))
    assert asyncio.run(mine.position()) == before == kept(tmp_path).position


def test_a_full_snapshot_is_kept_within_the_directory(tmp_path: Path) -> None:
    entry_writer = EntryWriter()
    entry_writer.write(put("node", "berlin", node()))
    documents = tuple(Document(kind, "x", Revision(1), {}) for kind in ("node", "site", "user"))
    request = AnsweredRequest(RequestId("r"), "d", Revision(1), UnixMillis(1))
    whole = Snapshot(entry_writer.position, ReplicationMode.DEGRADED, documents, (request,))
    asyncio.run(store(tmp_path).load(whole))
    assert kept(tmp_path) == whole.within(Scope.DIRECTORY)
