"""The health check of a container asks a service's own HTTP server as it is."""

import asyncio
import os

import pytest
from prometheus_client import CollectorRegistry

from shared.runtime.health import Health
from shared.runtime.metrics import MetricsServer
from tests.architecture.sources import ROOT

pytestmark = pytest.mark.integration


async def run_check(port: int) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "compose" / "ready"),
        env={**os.environ, "MERIDIAN_METRICS_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_check_passes_once_the_service_is_ready_and_prints_why_it_is_not() -> None:
    health = Health()
    server = MetricsServer(CollectorRegistry(), health)
    port = await server.start("127.0.0.1", 0)
    try:
        health.set("nats", ok=False, reason="there is no connection")
        code, output = await run_check(port)
        assert code == 1
        assert "there is no connection" in output
        health.set("nats", ok=True)
        assert (await run_check(port))[0] == 0
    finally:
        await server.stop()


async def test_the_check_fails_where_nothing_listens() -> None:
    server = MetricsServer(CollectorRegistry(), Health())
    port = await server.start("127.0.0.1", 0)
    await server.stop()
    assert (await run_check(port))[0] == 1
