# pyright: reportUnknownMemberType=false
"""The store of snapshots, when what describes an object there is junk."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from shared.clusterlog.snapshots import STREAM, SnapshotMissing, SnapshotStore, meta_subject
from shared.domain.errors import LogUnavailable
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

NAME: Final = "full-alpha-1"
JUNK: Final[dict[str, bytes]] = {
    "no JSON": b"\xff\xfe",
    "deep": b"[" * 200_000,
    "a number": b"1",
    "no object": b"{}",
    "a wildcard for all chunks": b'{"name": "full-alpha-1", "bucket": "SNAPSHOTS", "nuid": ">"}',
    "a number for chunks": b'{"name": "full-alpha-1", "bucket": "SNAPSHOTS", "nuid": [1]}',
}


@pytest_asyncio.fixture
async def client(nats_server: NatsServer, tmp_path: Path) -> AsyncGenerator[Client]:
    client = await nats.connect(nats_server.url)
    await ensure_streams(jetstream_of(client), 1)
    yield client
    await client.close()


async def spoil(client: Client, junk: bytes) -> None:
    await client.jetstream().publish(meta_subject(NAME), junk, stream=STREAM)


async def messages(client: Client) -> int:
    info: Any = await client.jetstream().stream_info(STREAM)
    return int(info.state.messages)


async def test_junk_under_a_name_keeps_no_object_from_being_stored(client: Client) -> None:
    store = SnapshotStore(client)
    await store.put("another", b"kept")
    for name, junk in JUNK.items():
        await store.put(NAME, b"before")
        await spoil(client, junk)

        await store.put(NAME, b"after")

        assert await store.get(NAME) == b"after", name
        assert await store.get("another") == b"kept", name


async def test_junk_under_a_name_is_no_object_and_is_taken_away_like_one(client: Client) -> None:
    store = SnapshotStore(client)
    for name, junk in JUNK.items():
        await spoil(client, junk)

        with pytest.raises(LogUnavailable):
            await store.get(NAME)
        assert await store.drop(NAME), name
        with pytest.raises(SnapshotMissing):
            await store.get(NAME)


async def test_what_is_replaced_leaves_nothing_behind(client: Client) -> None:
    store = SnapshotStore(client)
    await store.put(NAME, b"one")
    before = await messages(client)

    await store.put(NAME, b"two")

    assert await messages(client) == before
