# pyright: reportUnknownMemberType=false, reportPrivateUsage=false
"""A client that no message stops: headers that the library cannot parse, live and stored."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from nats.errors import NoRespondersError
from nats.js.api import ConsumerConfig, DeliverPolicy, StorageType, StreamConfig

from shared.domain.errors import Rejected
from shared.messaging.client import (
    SafeClient,
    SafeJetStream,
    UnreadableAnswer,
    require_readable,
    sequence_of,
    without_status,
)
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

MALFORMED = [
    b"NATS/1.0 \xff\xff\xff\r\n\r\n",
    b"NATS/1.0 100 \xff\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
    b"NATS/1.0 100 FlowControl Request\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 408 Request Timeout\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: x\r\nNats-Consumer-Stalled: a b\r\n\r\n",
    b"NATS/1.0\r\n\xff\xfe: \xff\r\n\r\n",
    b"NATS/1.0\r\nno colon\r\n: empty\r\n\r\n",
    b"NATS/1.0",
    b"NATS/1.0\r\n",
    b"NATS/1.0 ",
    b"NATS/1.0\r\n\x00\x00\r\n",
]
"""Blocks of headers as a stranger may send them; the server looks at none of them."""


@dataclass
class Raw:
    """A connection that speaks the protocol by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def publish(self, subject: str, headers: bytes, data: bytes, reply: str = "") -> None:
        """Send a message with *headers* as they are, and wait until the server has taken it."""
        sizes = f"{len(headers)} {len(headers) + len(data)}"
        line = f"HPUB {subject} {reply} {sizes}\r\n" if reply else f"HPUB {subject} {sizes}\r\n"
        self.writer.write(line.encode() + headers + data + b"\r\nPING\r\n")
        while not (answer := await self.reader.readline()).startswith(b"PONG"):
            assert not answer.startswith(b"-ERR"), answer


@dataclass
class Ends:
    """A raw sender and a safe receiver, and what the receiver could not parse."""

    raw: Raw
    client: SafeClient
    malformed: list[Rejected] = field(default_factory=list[Rejected])


@pytest_asyncio.fixture
async def ends(nats_server: NatsServer) -> AsyncGenerator[Ends]:
    where = urlsplit(nats_server.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n')
    malformed: list[Rejected] = []
    client = SafeClient(malformed.append)
    await client.connect(nats_server.url)
    yield Ends(Raw(reader, writer), client, malformed)
    await client.close()
    writer.close()


@pytest.mark.parametrize("headers", MALFORMED)
async def test_headers_that_cannot_be_parsed_do_not_end_the_reading(
    ends: Ends, headers: bytes
) -> None:
    subscription = await ends.client.subscribe("a.b")
    await ends.client.flush()
    await ends.raw.publish("a.b", headers, b"first")
    await ends.raw.publish("a.b", b"NATS/1.0\r\nname: value\r\n\r\n", b"second")
    read: list[bytes] = []
    while b"second" not in read:
        read.append((await subscription.next_msg(timeout=5)).data)
    assert read[-1] == b"second"
    assert ends.client.is_connected


@pytest.mark.parametrize("data", [b"", b"payload"])
@pytest.mark.parametrize("headers", MALFORMED)
async def test_a_stored_message_with_such_headers_is_read_past_by_an_ordered_consumer(
    ends: Ends, headers: bytes, data: bytes
) -> None:
    jetstream = await stream(ends)
    await ends.raw.publish("kept.a", headers, data)
    await jetstream.publish("kept.a", b"good", stream="KEPT")
    subscription = await jetstream.subscribe(
        "kept.>",
        stream="KEPT",
        ordered_consumer=True,
        idle_heartbeat=0.5,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL),
    )
    first = await subscription.next_msg(timeout=5)
    second = await subscription.next_msg(timeout=5)
    assert (first.data, second.data) == (data, b"good")
    assert sequence_of(second) == 2
    await subscription.unsubscribe()


@pytest.mark.parametrize("headers", MALFORMED)
async def test_a_stored_message_with_such_headers_is_fetched_as_any_other(
    ends: Ends, headers: bytes
) -> None:
    jetstream = await stream(ends)
    await ends.raw.publish("kept.a", headers, b"")
    await jetstream.publish("kept.a", b"good", stream="KEPT")
    subscription = await jetstream.pull_subscribe("kept.>", stream="KEPT")
    read: list[bytes] = []
    while len(read) < 2:
        read += [each.data for each in await require_readable(subscription.fetch(2, timeout=5))]
    assert read == [b"", b"good"]
    raw = await jetstream.get_msg("KEPT", 1)
    assert (raw.seq, raw.data or b"") == (1, b"")


async def test_a_message_at_the_inbox_of_an_ordered_consumer_is_dropped_and_reported(
    ends: Ends,
) -> None:
    jetstream = await stream(ends)
    subscription = await jetstream.subscribe(
        "kept.>", stream="KEPT", ordered_consumer=True, idle_heartbeat=0.5
    )
    (sid,) = (
        number for number, each in ends.client._subs.items() if each.subject == subscription.subject
    )
    for reply in (b"$JS.ACK.x", b"$JS.ACK.KEPT.c.1.x.y.1.0", b"elsewhere", b""):
        inbox = subscription.subject.encode()  # the server itself would let nothing come here
        await ends.client._process_msg(sid, inbox, reply, b"forged", b"")
    await jetstream.publish("kept.a", b"good", stream="KEPT")
    read: list[bytes] = []
    while b"good" not in read:
        read.append((await subscription.next_msg(timeout=5)).data)
    assert ends.client.is_connected
    assert [each.attributes["reason"] for each in ends.malformed] == ["malformed"] * 4
    await subscription.unsubscribe()


async def test_an_answer_that_is_a_status_counts_as_nobody_there(ends: Ends) -> None:
    asking = asyncio.ensure_future(ends.client.request("nobody.listens", b"", timeout=2))
    with pytest.raises(NoRespondersError):
        await asking


@pytest.mark.parametrize("error", [KeyError("a"), RecursionError(), TypeError(), ValueError("x")])
async def test_an_answer_on_which_the_library_fails_is_an_error_of_its_family(
    error: Exception,
) -> None:
    async def call() -> None:
        raise error

    with pytest.raises(UnreadableAnswer, match="cannot be read"):
        await require_readable(call())


def test_a_status_line_is_taken_away_and_nothing_else() -> None:
    assert without_status(b"NATS/1.0 100 x\r\na: b\r\n\r\n") == b"NATS/1.0\r\na: b\r\n\r\n"
    assert without_status(b"NATS/1.0\r\na: b\r\n\r\n") == b"NATS/1.0\r\na: b\r\n\r\n"
    assert without_status(b"\xff") == b"NATS/1.0\r\n"


async def stream(ends: Ends) -> SafeJetStream:
    """A new stream `KEPT`, empty."""
    jetstream = ends.client.jetstream()
    config = StreamConfig(name="KEPT", subjects=["kept.>"], storage=StorageType.MEMORY)
    await jetstream.add_stream(config)
    await jetstream.purge_stream("KEPT")
    return jetstream
