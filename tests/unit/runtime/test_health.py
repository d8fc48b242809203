import asyncio
import json

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.domain.errors import BadSettings
from shared.runtime.health import Health
from shared.runtime.metrics import MetricsServer


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
        assert json.loads(body) == {"ready": False, "reasons": ["nats: no server"]}
        health.set("nats", ok=True)
        assert (await asked(port, get("/readyz")))[0] == "HTTP/1.1 200 OK"
        assert b"meridian_things_total 3.0" in (await asked(port, get("/metrics")))[1]
        assert (await asked(port, get("/nothing")))[0] == "HTTP/1.1 404 Not Found"
    finally:
        await server.stop()


@pytest.mark.parametrize("request_", [b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 20_000 + b"\r\n\r\n"])
async def test_garbage_is_hung_up_on_and_the_next_one_is_served(request_: bytes) -> None:
    server = MetricsServer(CollectorRegistry(), Health())
    port = await server.start("127.0.0.1", 0)
    try:
        await asked(port, request_)

        assert (await asked(port, get("/healthz")))[0] == "HTTP/1.1 200 OK"
    finally:
        await server.stop()


async def test_a_port_in_use_is_told_with_the_variable_that_names_it() -> None:
    first = MetricsServer(CollectorRegistry(), Health())
    port = await first.start("127.0.0.1", 0)
    try:
        with pytest.raises(BadSettings, match=r"cannot listen on .*MERIDIAN_METRICS_PORT"):
            await MetricsServer(CollectorRegistry(), Health()).start("127.0.0.1", port)
    finally:
        await first.stop()
