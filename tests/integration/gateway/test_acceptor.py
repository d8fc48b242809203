"""The acceptor against clients that send little, slowly, too much, or nothing."""

import asyncio
import contextlib
import resource
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from services.gateway.acceptor.core.limits import Refusal
from shared.domain.source import Networks
from shared.wire.proxy_protocol import SIGNATURE, encode_proxy_header
from tests.integration.gateway.acceptors import (
    ATTACKER,
    HEALTH,
    HONEST,
    PATIENCE_SECONDS,
    QUICK,
    OpenAcceptor,
    opened,
    read_answer,
    rest_of,
    until,
)

pytestmark = pytest.mark.integration

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HERE = Networks.parse(("127.0.0.0/8",))


async def test_requests_are_answered_one_after_the_other_on_one_connection(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        for size in (0, 10, 200_000):
            body = b"x" * size
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (size, body))
            status, answer = await read_answer(reader)
            assert (status, answer.endswith(b"127.0.0.1 %d" % size)) == (200, True)


async def test_half_requests_are_ended_and_others_are_answered_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path, replace(QUICK, header_seconds=3.0)) as here:
        pairs: list[Streams] = []
        for _ in range(200):
            pairs.append(await here.connect(ATTACKER))
            pairs[-1][1].write(b"GET / HTTP/1.1\r\nHost: si")
        assert (await here.ask())[0] == 200
        answers = [await rest_of(reader) for reader, _ in pairs]
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
        assert here.refused(Refusal.HEADER_TIMEOUT) == 200


async def test_a_byte_now_and_then_prolongs_no_header(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        reading = asyncio.create_task(rest_of(reader))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reading.done():
                writer.write(b"x")
                await asyncio.sleep(0.02)
        assert b" 408 " in await reading


async def test_a_thousand_silent_connections_keep_nobody_out(tmp_path: Path) -> None:
    async with opened(tmp_path, replace(QUICK, greeting_seconds=30.0)) as here:
        await here.connect_silently(1_000)
        assert (await here.ask())[0] == 200
        await until(lambda: here.refused(Refusal.SOURCE_FULL) == 500)
        assert here.open <= 501


async def test_a_silent_connection_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, _ = await here.connect(tls=False)
        assert await rest_of(reader) == b""
        await until(lambda: here.refused(Refusal.GREETING_TIMEOUT) == 1)
        await until(lambda: here.open == 0)


async def test_a_handshake_that_is_not_finished_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect(tls=False)
        writer.write(b"\x16\x03\x01\x02\x00\x01")
        assert await rest_of(reader) == b""
        await until(lambda: here.refused(Refusal.HANDSHAKE_TIMEOUT) == 1)
        await until(lambda: here.open == 0)


async def test_what_is_no_tls_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect(tls=False)
        writer.write(HEALTH)
        await rest_of(reader)
        await until(lambda: here.refused(Refusal.HANDSHAKE_FAILED) == 1)
        await until(lambda: here.open == 0)


async def test_a_connection_without_a_request_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(b"\r\n")
        assert await rest_of(reader) == b""
        await until(lambda: here.open == 0)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"X: 1\r\n" * 101 + b"\r\n", Refusal.TOO_MANY_FIELDS),
        (b"X: " + b"x" * 33_000 + b"\r\n\r\n", Refusal.HEADER_TOO_LARGE),
        (b"X: " + b"x" * 200_000, Refusal.HEADER_TOO_LARGE),
        ((b"X: " + b"x" * 5_000 + b"\r\n") * 8, Refusal.HEADER_TOO_LARGE),
    ],
    ids=["101 fields", "a long field", "an endless field", "many long fields"],
)
async def test_a_header_of_more_than_100_fields_or_32_kib_is_refused(
    tmp_path: Path, header: bytes, reason: Refusal
) -> None:
    async with opened(tmp_path) as here:
        status, _ = await here.ask(b"GET / HTTP/1.1\r\n" + header)
        assert status == 431
        assert here.refused(reason) == 1


async def test_a_header_of_100_fields_and_nearly_32_kib_is_taken(tmp_path: Path) -> None:
    fields = (b"X: " + b"x" * 310 + b"\r\n") * 100
    async with opened(tmp_path) as here:
        assert (await here.ask(b"GET / HTTP/1.1\r\n" + fields + b"\r\n"))[0] == 200


async def test_an_endless_trailer_is_refused(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: "
    async with opened(tmp_path) as here:
        assert (await here.ask(head + b"x" * 400_000))[0] == 431


async def test_an_endless_target_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        assert (await here.ask(b"GET /" + b"x" * 400_000))[0] == 431


async def test_a_slow_body_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n")
        reading = asyncio.create_task(read_answer(reader))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not reading.done():
                writer.write(b"x")
                await asyncio.sleep(0.02)
        assert (await reading)[0] == 408
        assert here.refused(Refusal.BODY_TIMEOUT) == 1


async def test_a_body_that_is_slow_and_fast_enough_is_taken(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 12000\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 1_200)
            await asyncio.sleep(0.1)
        assert (await read_answer(reader))[0] == 200


async def test_a_body_that_nobody_wants_is_not_read_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(b"POST /unread HTTP/1.1\r\nContent-Length: 200000000\r\n\r\n")
        assert (await read_answer(reader))[0] == 200
        with contextlib.suppress(OSError):
            for _ in range(100):
                writer.write(b"x" * 65_536)
                await writer.drain()
        await until(lambda: here.refused(Refusal.BODY_UNWANTED) == 1)
        await until(lambda: here.open == 0)


async def test_a_client_that_never_reads_its_answer_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        _, writer = await here.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /big HTTP/1.1\r\n\r\n" * 3)
        await until(lambda: here.refused(Refusal.SLOW_READER) == 1)
        await until(lambda: here.open == 0)


async def test_too_many_requests_sent_ahead_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(HEALTH * 1_000)
        await rest_of(reader)
        assert here.refused(Refusal.TOO_MANY_REQUESTS) == 1


async def test_some_requests_sent_ahead_are_answered_in_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        reader, writer = await here.connect()
        writer.write(HEALTH * 20)
        assert [(await read_answer(reader))[0] for _ in range(20)] == [200] * 20


async def test_a_listed_proxy_names_the_client(tmp_path: Path) -> None:
    async with opened(tmp_path, proxies=HERE) as here:
        for source, claimed in (
            (("192.0.2.7", 4_000), b"192.0.2.7"),
            (("2001:db8::7", 4_000), b"2001:db8::7"),
        ):
            server = ("::1" if ":" in source[0] else "127.0.0.1", here.port)
            _, answer = await behind_proxy(here, encode_proxy_header(source, server))
            assert answer.endswith(claimed + b" 0")


async def test_a_health_check_of_the_proxy_itself_has_its_own_address(tmp_path: Path) -> None:
    async with opened(tmp_path, proxies=HERE) as here:
        _, answer = await behind_proxy(here, SIGNATURE + b"\x20\x00\x00\x00")
        assert answer.endswith(b"127.0.0.1 0")


async def test_a_header_in_single_bytes_names_the_client_too(tmp_path: Path) -> None:
    async with opened(tmp_path, proxies=HERE) as here:
        header = encode_proxy_header(("192.0.2.7", 4_000), ("127.0.0.1", 443))
        _, answer = await behind_proxy(here, header, piece=1)
        assert answer.endswith(b"192.0.2.7 0")


async def test_a_listed_proxy_without_a_header_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, proxies=HERE) as here:
        with pytest.raises((OSError, ssl.SSLError)):
            await here.connect()
        assert here.refused(Refusal.BAD_PROXY_HEADER) == 1
        await until(lambda: here.open == 0)


async def test_a_header_of_somebody_else_names_nobody(tmp_path: Path) -> None:
    header = encode_proxy_header(("192.0.2.7", 4_000), ("127.0.0.1", 443))
    async with opened(tmp_path) as here:
        with pytest.raises((OSError, ssl.SSLError)):
            await behind_proxy(here, header)
        await until(lambda: here.refused(Refusal.HANDSHAKE_FAILED) == 1)


async def test_connections_of_a_proxy_count_for_the_clients_behind_it(tmp_path: Path) -> None:
    limits = replace(QUICK, connections_per_source=2, idle_seconds=30.0)
    async with opened(tmp_path, limits, proxies=HERE) as here:
        kept = [await tls_behind_proxy(here, f"192.0.2.{client}") for client in (1, 1, 2, 2, 3, 3)]
        with pytest.raises((OSError, ssl.SSLError)):
            await tls_behind_proxy(here, "192.0.2.1")
        assert here.refused(Refusal.SOURCE_FULL) == 1
        for each in kept:
            each.close()
        await until(lambda: here.open == 0)
        (await tls_behind_proxy(here, "192.0.2.1")).close()


async def test_connections_in_all_are_bounded(tmp_path: Path) -> None:
    limits = replace(QUICK, connections=4, connections_per_source=4, greeting_seconds=1.0)
    async with opened(tmp_path, limits) as here:
        await here.connect_silently(4)
        await until(lambda: here.open == 4)
        reader, _ = await here.connect(tls=False)
        assert await rest_of(reader) == b""
        assert here.refused(Refusal.FULL) == 1
        await until(lambda: here.open == 0)
        assert (await here.ask())[0] == 200


async def test_a_process_without_descriptors_pauses_and_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as here:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as client:
            client.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
            try:
                await asyncio.get_running_loop().sock_connect(client, (HONEST, here.port))
                await until(lambda: here.refused(Refusal.FULL) > 0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (await here.ask())[0] == 200


async def test_one_socket_serves_both_families(tmp_path: Path) -> None:
    async with opened(tmp_path, hosts=("::",)) as here:
        for host, claimed in (("127.0.0.1", b"127.0.0.1 0"), ("::1", b"::1 0")):
            reader, writer = await asyncio.open_connection(host, here.port, ssl=here.tls)
            writer.write(HEALTH)
            _, answer = await read_answer(reader)
            writer.close()
            assert answer.endswith(claimed)


async def behind_proxy(here: OpenAcceptor, header: bytes, piece: int = 1_000) -> tuple[int, bytes]:
    """Ask over a connection that begins with *header*, sent in pieces."""
    connection = await begun(here, header, piece)
    reader, writer = await asyncio.open_connection(
        sock=connection, ssl=here.tls, server_hostname="localhost"
    )
    here.streams.append(writer)
    writer.write(HEALTH)
    return await read_answer(reader)


async def tls_behind_proxy(here: OpenAcceptor, client: str) -> asyncio.StreamWriter:
    header = encode_proxy_header((client, 4_000), ("127.0.0.1", 443))
    connection = await begun(here, header, 1_000)
    _, writer = await asyncio.open_connection(
        sock=connection, ssl=here.tls, server_hostname="localhost"
    )
    here.streams.append(writer)
    return writer


async def begun(here: OpenAcceptor, header: bytes, piece: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await loop.sock_connect(connection, (HONEST, here.port))
    for begin in range(0, len(header), piece):
        await loop.sock_sendall(connection, header[begin : begin + piece])
        await asyncio.sleep(0)
    return connection
