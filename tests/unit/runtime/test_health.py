import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.domain.errors import BadSettings
from shared.runtime import metrics
from shared.runtime.health import Health
from shared.runtime.metrics import MetricsServer
from tests.fakes.virtual_time import turn


def test_a_service_is_ready_when_every_condition_holds() -> None:
    health = Health()
    health.set("nats", ok=False, reason="not connected yet")
    health.set("log", ok=False)
    assert health.reasons() == ["nats: not connected yet", "log: not yet"]

    health.set("nats", ok=True)
    health.set("log", ok=True, reason="a reason that is none any more")

    assert health.reasons() == []


async def asked(port: int, request: bytes) -> tuple[str, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_health_and_metrics_are_served_before_anything_is_connected() -> None:
    registry, health = CollectorRegistry(), Health()
    Counter("meridian_things", "Things", registry=registry).inc(3)
    health.set("nats", ok=False, reason="no server")
    server = MetricsServer(registry, health)
    port = await server.start("127.0.0.1", 0)
    try:
        assert await asked(port, get("/healthz")) == ("HTTP/1.1 200 OK", b'{"ok":true}')
        status, body = await asked(port, get("/readyz"))
        assert status == "HTTP/1.1 503 Service Unavailable"
        found = {"ready": False, "reasons": ["nats: no server"], "warnings": []}
        assert json.loads(body) == found
        health.set("nats", ok=True)
        assert (await asked(port, get("/readyz")))[0] == "HTTP/1.1 200 OK"
        assert b"meridian_things_total 3.0" in (await asked(port, get("/metrics")))[1]
        assert (await asked(port, get("/nothing")))[0] == "HTTP/1.1 404 Not Found"
    finally:
        await server.stop()


GARBAGE = (
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"x" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nOther: " + b"x" * 20_000,
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    server = MetricsServer(CollectorRegistry(), Health())
    yield await server.start("127.0.0.1", 0)
    await server.stop()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REQUEST_SECONDS", 0.05)


async def test_garbage_is_hung_up_on_and_the_next_one_is_served(patience: None, port: int) -> None:
    for request in GARBAGE:
        async with asyncio.timeout(5):
            await asked(port, request)

        assert (await asked(port, get("/healthz")))[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "begin", [b"", b"GET /hea", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"]
)
async def test_a_client_that_does_not_finish_is_hung_up_on(
    patience: None, port: int, begin: bytes
) -> None:
    async with asyncio.timeout(5):
        await asked(port, begin)


async def test_a_client_that_does_not_read_its_answer_is_hung_up_on(
    patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[CollectorRegistry] = []

    def much(registry: CollectorRegistry) -> bytes:
        requests.append(registry)
        return bytes(20_000_000)

    monkeypatch.setattr(metrics, "generate_latest", much)
    server = MetricsServer(CollectorRegistry(), Health())
    loop, client = asyncio.get_running_loop(), socket.socket()
    client.setblocking(False)
    try:
        await loop.sock_connect(client, ("127.0.0.1", await server.start("127.0.0.1", 0)))
        await loop.sock_sendall(client, get("/metrics"))
        async with asyncio.timeout(5):
            while not requests or server.connections:
                await turn()
    finally:
        client.close()
        await server.stop()


async def test_silent_clients_keep_nobody_out(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(metrics, "CONNECTIONS", 2)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]

    assert (await asked(port, get("/healthz")))[0] == "HTTP/1.1 200 OK"

    async with asyncio.timeout(5):
        for reader, _ in silent[:3]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
    for _, writer in silent:
        writer.close()


async def test_a_connection_carries_one_request(port: int) -> None:
    answer = await asked(port, 3 * get("/healthz"))
    assert answer == ("HTTP/1.1 200 OK", b'{"ok":true}')


async def test_other_methods_and_queries(port: int) -> None:
    assert (await asked(port, get("/healthz?verbose=1")))[0] == "HTTP/1.1 200 OK"
    post = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    assert (await asked(port, post))[0] == "HTTP/1.1 405 Method Not Allowed"


async def test_a_port_in_use_is_reported_with_the_variable_that_names_it() -> None:
    first = MetricsServer(CollectorRegistry(), Health())
    port = await first.start("127.0.0.1", 0)
    try:
        with pytest.raises(BadSettings, match=r"cannot listen on .*MERIDIAN_METRICS_PORT"):
            await MetricsServer(CollectorRegistry(), Health()).start("127.0.0.1", port)
    finally:
        await first.stop()
