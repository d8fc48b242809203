import asyncio
import contextlib
import hashlib
import os
from pathlib import Path

import pytest

from shared.domain.ids import Epoch, SessionId, UnixMillis
from shared.domain.node import Side
from shared.wire.relay import (
    Pong,
    RefusalCode,
    Refused,
    Wait,
    encode_hello,
    encode_ping,
    encode_wait,
)
from tests.integration.relay.worlds import BERLIN, Endpoint, data_plane, until

CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_two_sides_of_a_path_meet_and_their_bytes_pass_unchanged() -> None:
    async with data_plane() as world:
        customer = await world.hello("1", CUSTOMER)
        assert await customer.frame() == Wait("berlin")  # type: ignore[arg-type]
        representative = await world.hello("1", REPRESENTATIVE)
        assert (await customer.ready()).generation == 1
        assert (await representative.ready()).node == "berlin"
        await customer.send(b"hello")
        assert await representative.exactly(5) == b"hello"
        await representative.send(b"welcome")
        assert await customer.exactly(7) == b"welcome"


async def test_megabytes_pass_both_ways_at_once_in_order() -> None:
    there, back = os.urandom(24_000_000), os.urandom(17_000_000)
    async with data_plane() as world:
        one, other = await world.pair("1")

        async def send(end: Endpoint, data: bytes) -> None:
            await end.send(data)
            end.writer.write_eof()

        _, _, came_there, came_back = await asyncio.gather(
            send(one, there), send(other, back), other.rest(), one.rest()
        )
        assert digest(came_there) == digest(there)
        assert digest(came_back) == digest(back)
        await until(lambda: bool(world.notes.parted))
        assert world.notes.parted[0][1] == len(there) + len(back)
        assert world.plane.bytes_carried == len(there) + len(back)


async def test_sizes_around_the_buffer_pass_whole() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        for size in (1, 64, 16_383, 16_384, 16_385, 65_536, 524_288, 524_289, 3, 1_048_577):
            data = os.urandom(size)
            sending = asyncio.create_task(one.send(data))
            assert await other.exactly(size) == data
            await sending


async def test_a_half_close_is_carried_over_and_the_other_direction_goes_on() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        await one.send(b"question")
        one.writer.write_eof()
        assert await other.rest() == b"question"
        await other.send(b"a long answer" * 1_000)
        other.writer.write_eof()
        assert await one.rest() == b"a long answer" * 1_000
        await until(lambda: world.plane.connections == 0)


async def test_whoever_does_not_read_stops_the_sender_and_not_the_relay() -> None:
    async with data_plane() as world:
        one, _ = await world.pair("1")
        sending = asyncio.create_task(one.send(bytes(80_000_000)))
        carried = -1
        while carried != world.plane.bytes_carried:
            carried = world.plane.bytes_carried
            await asyncio.sleep(0.3)
        assert not sending.done()
        assert 0 < carried < 60_000_000
        three, four = await world.pair("2")
        await three.send(b"still here")
        assert await four.exactly(10) == b"still here"
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        one.writer.transport.abort()


async def test_a_slow_reader_gets_every_byte_in_the_end() -> None:
    data = os.urandom(30_000_000)
    async with data_plane() as world:
        one, other = await world.pair("1")
        sending = asyncio.create_task(one.send(data))
        await until(lambda: world.plane.bytes_carried > 0)
        await asyncio.sleep(0.2)
        assert digest(await other.exactly(len(data))) == digest(data)
        await sending


async def test_a_connection_that_breaks_takes_its_pair_along() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        await one.send(b"x")
        await other.exactly(1)
        one.reset()
        assert await other.ended()
        await until(lambda: world.pairings.snapshot.pairs == 0)
        assert world.plane.connections == 0


async def test_a_second_hello_of_a_side_closes_both_and_both_come_again() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        again = await world.hello("1", CUSTOMER)
        assert isinstance(await again.frame(), Wait)
        assert await one.ended()
        assert await other.ended()
        back = await world.hello("1", REPRESENTATIVE)
        await back.ready()
        await again.ready()
        await back.send(b"on we go")
        assert await again.exactly(8) == b"on we go"
        assert len(world.notes.parted) == 1
        assert len(world.notes.paired) == 2


async def test_a_waiting_side_that_comes_again_learns_that_it_was_replaced() -> None:
    async with data_plane() as world:
        one = await world.hello("1", CUSTOMER)
        await one.frame()
        await world.hello("1", CUSTOMER)
        answer = await one.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.REPLACED
        assert await one.ended()


async def test_a_waiting_peer_that_died_is_noticed_by_its_end_of_file() -> None:
    async with data_plane() as world:
        one = await world.hello("1", CUSTOMER)
        await one.frame()
        assert world.pairings.snapshot.waiting == 1
        one.writer.transport.abort()
        await until(lambda: world.pairings.snapshot.waiting == 0)
        assert world.plane.connections == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", RefusalCode.BAD_HELLO),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", RefusalCode.BAD_HELLO),
        (bytes(70_000), RefusalCode.BAD_HELLO),
        (encode_wait("berlin"), RefusalCode.BAD_HELLO),  # type: ignore[arg-type]
        (b"\x00\x05\x01\x07abc", RefusalCode.BAD_VERSION),
        (encode_hello("forged.customer.1.0.0"), RefusalCode.INVALID_TICKET),
        (encode_hello("late.customer.1.0.0"), RefusalCode.TICKET_EXPIRED),
        (encode_hello("1.customer.1.0.0") + b"early", RefusalCode.BAD_HELLO),
    ],
)
async def test_what_is_no_valid_hello_is_refused_and_counted(
    sent: bytes, code: RefusalCode
) -> None:
    async with data_plane() as world:
        connection = await world.connect()
        connection.writer.write(sent)
        answer = await connection.frame()
        assert isinstance(answer, Refused)
        assert answer.code == code
        assert world.notes.refused == [code]
        assert await connection.ended()
        connection.close()
        await until(lambda: world.plane.connections == 0)


async def test_a_hello_may_come_byte_by_byte() -> None:
    async with data_plane() as world:
        connection = await world.connect()
        for byte in encode_hello("1.customer.1.0.0"):
            await connection.send(bytes([byte]))
        assert isinstance(await connection.frame(), Wait)


async def test_speaking_while_waiting_is_refused() -> None:
    async with data_plane() as world:
        connection = await world.hello("1", CUSTOMER)
        await connection.frame()
        await connection.send(b"are you there?")
        answer = await connection.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.BAD_HELLO
        assert world.pairings.snapshot.waiting == 0


async def test_a_refused_connection_that_lingers_is_closed_by_the_relay() -> None:
    async with data_plane() as world:
        connection = await world.hello("forged", CUSTOMER)
        await connection.frame()
        await until(lambda: world.plane.connections == 0)


async def test_a_closed_session_loses_its_pair_and_is_refused_afterwards() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        world.admission.close(SessionId("1"), UnixMillis(10**13))
        world.plane.perform(world.pairings.close_session(SessionId("1")))
        assert await one.ended()
        assert await other.ended()
        again = await world.hello("1", CUSTOMER)
        answer = await again.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.CLOSED


async def test_draining_sends_on_who_waits_and_leaves_who_runs() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        waiting = await world.hello("2", CUSTOMER)
        await waiting.frame()
        world.admission.order_drain(Epoch(1), draining=True)
        world.plane.perform(world.pairings.drain())
        answer = await waiting.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.DRAINING
        await one.send(b"going on")
        assert await other.exactly(8) == b"going on"


async def test_a_path_with_a_rate_carries_no_more() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1", "1.200000.0")
        data = os.urandom(250_000)
        loop = asyncio.get_running_loop()
        began = loop.time()
        sending = asyncio.create_task(one.send(data))
        assert await other.exactly(len(data)) == data
        await sending
        assert loop.time() - began >= 0.9


async def test_a_silent_path_with_an_idle_limit_is_closed() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1", "1.0.1")
        three, four = await world.pair("2")
        assert await one.ended()
        assert await other.ended()
        await three.send(b"no limit")
        assert await four.exactly(8) == b"no limit"


async def test_many_pairs_come_and_go_without_leaving_a_descriptor() -> None:
    before = open_descriptors()
    async with data_plane() as world:
        for number in range(40):
            one, other = await world.pair(str(number))
            await one.send(bytes(300_000))
            await other.exactly(300_000)
            one.close()
            other.close()
        await until(lambda: world.plane.connections == 0)
        assert world.pairings.describe() == "0 pairs, 0 waiting, 0 without a HELLO, 0 measuring"
    assert open_descriptors() <= before + 2


async def test_who_measures_is_answered_by_nonce_and_leaves_nothing_behind() -> None:
    async with data_plane() as world:
        endpoint = await world.connect()
        for nonce in (3, 1, 2):
            await endpoint.send(encode_ping(nonce, "probe"))
            assert await endpoint.frame() == Pong(BERLIN, nonce)
        endpoint.close()
        await until(lambda: world.plane.connections == 0)
        assert world.notes.pings == 3
        assert world.pairings.deadline() is None


async def test_a_forged_probe_ticket_learns_why_it_measures_nothing() -> None:
    async with data_plane() as world:
        endpoint = await world.connect()
        await endpoint.send(encode_ping(1, "1.customer.1.0.0"))
        answer = await endpoint.frame()
        assert isinstance(answer, Refused)
        assert (answer.code, answer.message) == ("invalid_ticket", "the ticket is forged")
        assert await endpoint.ended()


async def test_too_many_pings_end_the_connection_and_nobody_else_s() -> None:
    async with data_plane() as world:
        one, other = await world.pair("1")
        endpoint = await world.connect()
        await endpoint.send(encode_ping(1, "probe") * 9)
        answer = await endpoint.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.TOO_MANY_PINGS
        await one.send(b"still here")
        assert await other.exactly(10) == b"still here"


async def test_a_connection_that_fails_in_an_unforeseen_way_is_refused_and_no_other() -> None:
    async with data_plane() as world:
        ends = await world.pair("1")
        strange = await world.connect()
        await strange.send(encode_hello("no ticket of any kind"))
        answer = await strange.frame()
        assert isinstance(answer, Refused)
        assert answer.code == RefusalCode.BAD_HELLO
        await ends[0].send(b"still here")
        assert await ends[1].exactly(10) == b"still here"
        await world.pair("2")
