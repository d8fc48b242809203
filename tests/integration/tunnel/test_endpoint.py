import asyncio
import contextlib
import hashlib
import os
import socket
from collections.abc import AsyncGenerator

import pytest

from clients.endpoint.endpoint import break_streams
from clients.tunnel.effects import EndCode, Ended, PathLost, PathUp, Secured, WordsDiffer
from tests.integration.tunnel.site import echo_server, site, until

pytestmark = pytest.mark.integration


CHUNK_BYTES = 1 << 18


async def echo_chunks(port: int, data: bytes) -> AsyncGenerator[bytes]:
    """Send *data* through the tunnel to the echo; what comes back, chunk by chunk, to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for begin in range(0, len(data), CHUNK_BYTES):
            writer.write(data[begin : begin + CHUNK_BYTES])
            await writer.drain()
        writer.write_eof()

    async with asyncio.timeout(60):
        sending = asyncio.create_task(send())
        while chunk := await reader.read(CHUNK_BYTES):
            yield chunk
        await sending
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def echoed(port: int, data: bytes) -> bytes:
    """Everything that comes back of *data*."""
    return b"".join([chunk async for chunk in echo_chunks(port, data)])


async def echoed_digest(port: int, data: bytes) -> str:
    """The SHA-256 of everything that comes back of *data*, which is not held in memory."""
    digest = hashlib.sha256()
    async for chunk in echo_chunks(port, data):
        digest.update(chunk)
    return digest.hexdigest()


async def test_bytes_go_through_a_relay_and_come_back_with_both_half_closes() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        data = os.urandom(5_000_000)
        assert await echoed(local, data) == data
        assert await echoed(local, b"") == b""
        assert len(end.facts_of(PathUp)) == 1
        assert len(end.facts_of(Secured)) == 1
        assert len(end.endpoint.streams) == 0


async def test_many_connections_share_the_tunnel() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        _, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        sent = [os.urandom(200_000 + number) for number in range(20)]
        assert await asyncio.gather(*(echoed(local, each) for each in sent)) == sent


async def test_a_killed_relay_costs_less_than_a_second_and_no_byte() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        carrier = await world.carrier(end)
        data = os.urandom(80_000_000)
        transfer = asyncio.create_task(echoed_digest(local, data))
        await asyncio.sleep(0.05)
        await carrier.kill()
        assert await transfer == hashlib.sha256(data).hexdigest()
        assert len({up.generation for up in end.facts_of(PathUp)}) == 2
        assert len(end.facts_of(PathLost)) == 1
        assert end.facts_of(PathUp)[1].seconds < 1.0


async def test_a_frozen_relay_is_left_after_the_silence() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        carrier = await world.carrier(end)
        carrier.freeze()
        assert await echoed(local, b"still here") == b"still here"
        assert len({up.generation for up in end.facts_of(PathUp)}) == 2


async def test_with_every_relay_gone_the_ends_wait_and_meet_again_at_the_lost_path() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        assert await echoed(local, b"before") == b"before"
        for relay in world.relays:
            await relay.kill()
        transfer = asyncio.create_task(echoed(local, b"after"))
        await until(lambda: end.path_requests > 0)
        await world.relays[0].start()
        assert await transfer == b"after"
        assert end.facts_of(PathUp)[-1].generation == 1


async def test_new_paths_are_taken_before_the_old_one_is_left() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        await world.carrier(end)
        transfer = asyncio.create_task(echoed(local, os.urandom(20_000_000)))
        world.offer(first=4)
        assert len(await transfer) == 20_000_000
        await until(lambda: end.facts_of(PathUp)[-1].generation >= 4)
        assert end.facts_of(PathLost) == []


async def test_other_words_end_the_customer_and_burn_the_key_at_the_third() -> None:
    async with site() as world:
        end, _ = world.representative()
        for run in (1, 2, 3):
            customer = world.customer("127.0.0.1", 9, words="other-words")
            world.offer()
            customer.endpoint.offer(world.paths(customer.side))
            ended = await customer.endpoint.ended
            assert ended.code is EndCode.WRONG_WORDS
            assert f"attempt {run} of 3" in ended.message
        assert [each.run for each in end.facts_of(WordsDiffer)] == [1, 2, 3]
        assert (await end.endpoint.ended).code is EndCode.KEY_BURNT


async def test_a_close_is_known_at_both_ends_after_the_last_byte() -> None:
    async with site() as world, echo_server() as (host, port):
        customer = world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        assert await echoed(local, b"bye") == b"bye"
        end.endpoint.close("done here")
        mine = await end.endpoint.ended
        theirs = await customer.endpoint.ended
        assert (mine.by_peer, theirs.by_peer) == (False, True)
        assert theirs == Ended(EndCode.CLOSED, "done here", by_peer=True)


async def test_a_shared_address_that_refuses_resets_the_local_connection_only() -> None:
    async with site() as world:
        with socket.create_server(("127.0.0.1", 0)) as server:
            closed = int(server.getsockname()[1])
        world.customer("127.0.0.1", closed)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        reader, writer = await asyncio.open_connection("127.0.0.1", local)
        with pytest.raises(ConnectionError):
            assert await reader.read() == b"nothing"
        writer.close()
        assert end.broken == [f"127.0.0.1:{closed}: Connection refused"]
        assert not end.endpoint.ended.done()


async def test_a_slow_reader_stops_its_own_sender_and_nobody_else() -> None:
    async with site() as world, echo_server() as (host, port):
        world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        await world.carrier(end)
        slow = socket.create_connection(("127.0.0.1", local))
        slow.setblocking(False)
        sent, chunk = 0, bytes(1_000_000)
        stuck = 0
        while stuck < 20:
            try:
                sent += slow.send(chunk)
                stuck = 0
            except BlockingIOError:
                stuck += 1
                await asyncio.sleep(0.02)
        assert 1_000_000 < sent < 60_000_000
        assert await echoed(local, b"quick") == b"quick"
        slow.close()


async def test_an_end_that_the_site_ends_notifies_the_other_one_and_loses_no_path() -> None:
    async with site() as world, echo_server() as (host, port):
        customer = world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        assert await echoed(local, b"bye") == b"bye"
        end.endpoint.end(EndCode.CLOSED, "closed by admin")
        assert (await end.endpoint.ended).by_peer is False
        assert await customer.endpoint.ended == Ended(
            EndCode.CLOSED, "closed by admin", by_peer=True
        )
        for each in world.ends:
            assert each.facts_of(PathLost) == []


async def test_streams_that_break_break_at_both_ends_and_new_ones_are_refused_meanwhile() -> None:
    async with site() as world, echo_server() as (host, port):
        customer = world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)
        world.offer()
        reader, writer = await asyncio.open_connection("127.0.0.1", local)
        writer.write(b"open")
        assert await reader.readexactly(4) == b"open"

        end.endpoint.streams.takes_new = False
        break_streams(end.endpoint, "the other side did not come back")
        with pytest.raises(ConnectionError):
            await reader.read()
        writer.close()
        await until(lambda: customer.broken == ["the other side did not come back"])
        assert len(end.endpoint.streams) == len(customer.endpoint.streams) == 0
        with contextlib.suppress(ConnectionError):  # by a reset, as early as it can be
            refused, writer = await asyncio.open_connection("127.0.0.1", local)
            try:
                assert await refused.read() == b""
            finally:
                writer.close()
        await until(lambda: end.refused == 1)

        end.endpoint.streams.takes_new = True
        assert await echoed(local, b"again") == b"again"
