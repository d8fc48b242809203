"""Clocks that are off, on a real server: a real process under libfaketime, and one that is late.

libfaketime moves the time of day of one process and leaves the clock that nobody sets alone, as a
machine with a wrong time does.
"""

import asyncio
import contextlib
import json
import re
import urllib.request
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.domain.clock_offset import ClockOffset
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch, NodeId
from shared.events.clock import ReadClock
from shared.events.message import Done
from shared.events.node import NodeHeartbeat
from shared.events.relay import DrainNode
from shared.runtime.context import ServiceContext
from tests.integration.messaging.faked_time import faked
from tests.integration.relay.cluster import Cluster, free_port, nats_server, process, until

pytestmark = pytest.mark.integration

ALPHA, BERLIN = NodeId("alpha"), NodeId("berlin")
QUESTION = ReadClock(node=BERLIN, service="relay")


@dataclass
class Scene:
    """A cluster of alpha and berlin on one server."""

    cluster: Cluster

    @contextlib.contextmanager
    def relay(self, offset: str) -> Generator[int]:
        """A real relay of berlin whose time of day is *offset* off; the port of its health."""
        health = free_port()
        own = {
            "MERIDIAN_RELAY_HOST": "127.0.0.1",
            "MERIDIAN_RELAY_PORT": str(free_port()),
            "MERIDIAN_METRICS_PORT": str(health),
        }
        environment = self.cluster.environment(BERLIN) | own | faked(offset)
        with process("services.relay", environment):
            yield health

    @contextlib.asynccontextmanager
    async def gateway(self) -> AsyncGenerator[ServiceContext]:
        """A gateway of alpha that listens to heartbeats."""

        async def on_heartbeat(_: NodeHeartbeat) -> None:
            """Take it."""

        async with self.cluster.member(ALPHA, "gateway", (NodeHeartbeat, on_heartbeat)) as member:
            yield member


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture
def scene(tmp_path: Path, nats_url: str) -> Scene:
    cluster = Cluster(tmp_path, nats_url)
    cluster.found(ALPHA, BERLIN)
    return Scene(cluster)


def offset_of(gateway: ServiceContext) -> ClockOffset | None:
    return gateway.security.clocks.of_clock((BERLIN, "relay"), gateway.clock.now())


def refused(gateway: ServiceContext, reason: str) -> float:
    name, labels = "meridian_messages_rejected_total", {"reason": reason}
    return gateway.telemetry.registry.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(("offset", "ahead_ms"), [("+40s", 40_000), ("-3600s", -3_600_000)])
async def test_a_real_process_whose_clock_is_off_is_refused_suspected_and_measured(
    scene: Scene, offset: str, ahead_ms: int
) -> None:
    async with scene.gateway() as gateway:
        with scene.relay(offset):
            await until(lambda: refused(gateway, "too_old") >= 1)
            clocks, now = gateway.security.clocks, gateway.clock.now
            assert clocks.suspected(now()) == {(BERLIN, "relay")}
            assert isinstance(await gateway.bus.publisher.ask(QUESTION, timeout_seconds=5), Done)

            found = offset_of(gateway)
            assert found is not None
            assert abs(found.ahead_ms - ahead_ms) <= found.error_ms + 5
            assert clocks.suspected(now()) == frozenset()


async def test_other_questions_are_refused_by_a_process_whose_clock_is_off(scene: Scene) -> None:
    async with scene.gateway() as gateway:
        with scene.relay("+40s"):
            await gateway.bus.publisher.ask(QUESTION, timeout_seconds=10)
            with pytest.raises(Unavailable):
                await gateway.bus.publisher.ask(
                    DrainNode(node=BERLIN, epoch=Epoch(1)), timeout_seconds=1
                )


@dataclass(frozen=True)
class SlowDelivery:
    """A signed member whose handler's answers leave late, as on a busy machine."""

    seconds: float

    async def on_drain(self, _: DrainNode) -> Done:
        await asyncio.sleep(self.seconds)
        return Done()


async def test_a_busy_machine_that_answers_seconds_late_is_never_skewed(scene: Scene) -> None:
    slow = SlowDelivery(3.0)
    async with (
        scene.gateway() as gateway,
        scene.cluster.member(BERLIN, "relay", (DrainNode, slow.on_drain)),
    ):
        order = DrainNode(node=BERLIN, epoch=Epoch(1))
        await gateway.bus.publisher.ask(order, timeout_seconds=10)
        assert offset_of(gateway) is None  # the round trip says nothing about the clock


def warnings(port: int) -> list[str]:
    """What a process that runs warns of in `/readyz`."""
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer,
    ):
        return list(json.load(answer)["warnings"])
    return []


async def test_a_real_process_says_itself_in_readyz_that_its_clock_is_off(scene: Scene) -> None:
    async with scene.cluster.member(ALPHA, "failover_monitor"):
        with scene.relay("-20s") as health:
            async with asyncio.timeout(20):
                while not (reported := await asyncio.to_thread(warnings, health)):
                    await asyncio.sleep(0.1)
    (sentence,) = reported
    assert re.match(r"clock: this clock is (19\.9|20|20\.1) s behind alpha's: set", sentence)
