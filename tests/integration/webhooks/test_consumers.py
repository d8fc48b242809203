"""A webhook's consumer of a real stream, and posts to receivers that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.webhooks.core.delivery import Response
from services.webhooks.delivery.consumers import Consumers, ConsumerSpec, EventQueue, StoredEvent
from services.webhooks.delivery.post import HttpPost
from tests.integration.events.server import SERVICE, Ground, failover

ALL = ("meridian.event.>",)
SECONDS = 60.0


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ground]:
    ground = Ground.start(tmp_path_factory.mktemp("nats") / "nats")
    yield ground
    ground.server.kill()


@pytest.fixture
async def consumers(ground: Ground) -> AsyncGenerator[Consumers]:
    await ground.make_stream()
    async with ground.connected(SERVICE) as (client, jetstream):
        yield Consumers(client)
        for consumer in await jetstream.consumers_info("EVENTS"):
            await jetstream.delete_consumer("EVENTS", consumer.name)
        await jetstream.purge_stream("EVENTS")


async def taken(queue: EventQueue) -> StoredEvent:
    async with asyncio.timeout(SECONDS):
        while True:
            if (event := await queue.next()) is not None:
                return event


async def test_a_new_consumer_begins_with_the_next_event_and_delivers_one_at_a_time(
    ground: Ground, consumers: Consumers
) -> None:
    await ground.tell(failover(1))
    async with consumers.open(ConsumerSpec("webhook-a", ALL, None)) as queue:
        await ground.tell(failover(2), failover(3))
        second = await taken(queue)
        assert await consumers.waiting("webhook-a") == 2
        assert (b'"epoch":2' in second.payload, second.attempt) == (True, 1)
        assert second.subject == "meridian.event.failover.primary_changed"
        assert second.headers["Meridian-Node-Sig"].startswith("1;alpha;")

        await queue.retry(second, 0.01)
        repeated = await taken(queue)
        assert (repeated.payload, repeated.attempt) == (second.payload, 2)
        await queue.done(repeated)
        assert b'"epoch":3' in (await taken(queue)).payload


async def test_another_master_goes_on_where_the_last_one_was(
    ground: Ground, consumers: Consumers
) -> None:
    spec = ConsumerSpec("webhook-b", ALL, None)
    async with consumers.open(spec) as queue:
        await ground.tell(failover(1), failover(2))
        await queue.done(await taken(queue))
    async with ground.connected(SERVICE) as (client, _):
        other = Consumers(client)
        async with other.open(
            ConsumerSpec("webhook-b", ("meridian.event.failover.>",), None)
        ) as queue:
            assert b'"epoch":2' in (await taken(queue)).payload, "what it sees may change"
        assert await other.names() == ["webhook-b"]


async def test_a_beginning_in_the_past_replays(ground: Ground, consumers: Consumers) -> None:
    await ground.tell(failover(1), failover(2))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    async with consumers.open(ConsumerSpec("webhook-c", ALL, long_ago)) as queue:
        assert b'"epoch":1' in (await taken(queue)).payload
    await consumers.delete("webhook-c")
    assert await consumers.names() == []


Receiver = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(serve: Receiver) -> AsyncGenerator[str]:
    running: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in running - {None}:
            with contextlib.suppress(ConnectionError, EOFError):
                await asyncio.wait_for(cast("asyncio.Task[None]", task), SECONDS)


def saying(text: str) -> Receiver:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(text.encode())
        await writer.drain()

    return serve


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never silent for long, and never done."""
    await reader.readuntil(b"{}")
    with contextlib.suppress(ConnectionError):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not reader.at_eof():
            writer.write(b"x-again: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("raw", "response"),
    [
        ("HTTP/1.1 204 No Content\r\n\r\n", Response(204)),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", Response(500)),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            Response(302, location="http://127.0.0.1:1/"),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx", Response(200)),
    ],
)
async def test_a_receivers_status_is_all_that_counts(raw: str, response: Response) -> None:
    post = HttpPost()
    async with receiver(saying(raw)) as url:
        assert await post(url, {}, b"{}") == response
    await post.close()


@pytest.mark.parametrize("misbehaviour", [hang, drip])
async def test_a_receiver_that_takes_its_time_is_cut_off(misbehaviour: Receiver) -> None:
    post = HttpPost(0.5)
    async with receiver(misbehaviour) as url:
        assert await post(url, {}, b"{}") == Response(None, "no answer within 0.5 s")
    await post.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/", "http://[::1/", "http://a b/"]
)
async def test_a_receiver_that_is_not_there_is_an_answer_too(url: str) -> None:
    post = HttpPost()
    response = await post(url, {}, b"{}")
    await post.close()

    assert response.status is None
    assert response.problem.startswith("it cannot be reached: ")


async def test_rubbish_for_an_answer_is_an_answer_too() -> None:
    post = HttpPost()
    async with receiver(saying("hello\r\n\r\n")) as url:
        response = await post(url, {}, b"{}")
    await post.close()

    assert response.status is None
