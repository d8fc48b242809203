"""What every follower's store promises: a traffic node's file, a master's PostgreSQL, the twin."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from services.replication.core.snapshot import Snapshot
from services.replication.replica.store import FileStore, FollowerStore, MasterStore
from shared.crypto.nodekeys import NodeKey
from shared.domain.document import Document
from shared.domain.ids import NodeId, Revision
from shared.domain.log import Op, ReplicationMode, StoredEntry, empty_position
from shared.domain.snapshot import Scope
from shared.persistence.master_state import MasterState
from shared.runtime.clock import SystemClock
from tests.contract.servers import MEMORY, POSTGRES, database
from tests.fakes.follower_store import MemoryFollowerStore
from tests.integration.entries import CLUSTER, GENERATION, EntryWriter, control, delete, node, put


@pytest_asyncio.fixture(params=[MEMORY, "file", POSTGRES])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[FollowerStore]:
    if request.param == MEMORY:
        yield MemoryFollowerStore()
        return
    if request.param == "file":
        yield FileStore(tmp_path, NodeId("berlin"), NodeKey.generate(), GENERATION)
        return
    async with database(request) as pool:
        state = MasterState(pool)
        await state.found(CLUSTER, GENERATION)
        yield MasterStore(state, SystemClock())


@pytest.fixture
def entry_writer() -> EntryWriter:
    return EntryWriter()


async def apply(store: FollowerStore, entry_writer: EntryWriter, stored: StoredEntry) -> None:
    await store.apply(stored, entry_writer.position.sequence)


async def ids(store: FollowerStore) -> list[tuple[str, str, int]]:
    """The documents that every store keeps, with their revision."""
    found = (await store.snapshot()).within(Scope.DIRECTORY)
    return sorted((each.kind, each.id, each.revision) for each in found.documents)


async def test_a_new_store_is_empty_and_before_the_first_entry(store: FollowerStore) -> None:
    assert await store.position() == empty_position(GENERATION)
    assert await ids(store) == []


async def test_the_marker_moves_with_every_entry(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    for name in ("berlin", "denver", "tokyo"):
        await apply(store, entry_writer, entry_writer.write(put("node", name, node())))
        assert await store.position() == entry_writer.position
        assert (await store.snapshot()).position == entry_writer.position


async def test_a_skipped_message_shows_in_the_sequence_alone(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    entry_writer.skip()
    await apply(store, entry_writer, entry_writer.write(put("node", "berlin", node())))
    position = await store.position()
    assert position is not None
    assert (position.revision, position.sequence) == (1, 2)


async def test_a_document_has_the_revision_of_its_last_change(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    await apply(
        store,
        entry_writer,
        entry_writer.write(put("node", "berlin", node()), put("site", "site", {})),
    )
    await apply(store, entry_writer, entry_writer.write(put("node", "berlin", node("master"))))
    assert await ids(store) == [("node", "berlin", 2), ("site", "site", 1)]


async def test_a_deleted_document_is_gone(store: FollowerStore, entry_writer: EntryWriter) -> None:
    await apply(store, entry_writer, entry_writer.write(put("node", "berlin", node())))
    await apply(
        store, entry_writer, entry_writer.write(delete("node", "berlin"), delete("node", "never"))
    )
    assert await ids(store) == []


async def test_the_last_change_of_an_entry_stands(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    await apply(
        store,
        entry_writer,
        entry_writer.write(put("node", "a", node()), delete("node", "a"), put("node", "b", node())),
    )
    assert await ids(store) == [("node", "b", 1)]


async def test_an_entry_about_the_cluster_is_no_document(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    await apply(
        store,
        entry_writer,
        entry_writer.write(control(Op.EPOCH_BEGAN, {"node": "a", "mode": "degraded"}), epoch=4),
    )
    found = await store.snapshot()
    assert found.documents == ()
    assert found.position.epoch == 4
    assert found.mode is ReplicationMode.DEGRADED


async def test_the_mode_follows_the_log(store: FollowerStore, entry_writer: EntryWriter) -> None:
    for mode in (ReplicationMode.DEGRADED, ReplicationMode.SYNCHRONOUS):
        await apply(
            store, entry_writer, entry_writer.write(control(Op.MODE_CHANGED, {"mode": mode.value}))
        )
        assert (await store.snapshot()).mode is mode


async def test_a_snapshot_replaces_everything_and_the_log_goes_on(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    await apply(store, entry_writer, entry_writer.write(put("node", "old", node())))
    elsewhere = EntryWriter()
    elsewhere.write(control(Op.EPOCH_BEGAN, {"node": "bravo"}), epoch=3)
    document = Document("node", "new", Revision(1), node())
    await store.load(Snapshot(elsewhere.position, ReplicationMode.DEGRADED, (document,)))

    assert await store.position() == elsewhere.position
    assert await ids(store) == [("node", "new", 1)]
    await apply(store, elsewhere, elsewhere.write(put("node", "next", node())))
    assert await ids(store) == [("node", "new", 1), ("node", "next", 2)]


async def test_a_snapshot_of_a_snapshot_is_the_same(
    store: FollowerStore, entry_writer: EntryWriter
) -> None:
    await apply(
        store,
        entry_writer,
        entry_writer.write(put("node", "berlin", node()), put("site", "site", {})),
    )
    first = await store.snapshot()
    await store.load(Snapshot(first.position, first.mode, first.documents, first.requests))
    assert await store.snapshot() == first
