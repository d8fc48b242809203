"""Events that wait while the stream is away: a bounded queue, a line at its begin and its end."""

import asyncio
import logging
from typing import TYPE_CHECKING, cast

import pytest

from shared.crypto.nodekeys import NodeKey
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.events.session import PathReported
from shared.messaging.events import PUBLISH_SECONDS, WAITING, EventPublisher, EventSigner
from tests.fakes.virtual_time import pause, run

if TYPE_CHECKING:
    from faststream.nats import NatsBroker

BERLIN = NodeId("berlin")
FACT = PathReported(
    session=SessionId("1"),
    node=BERLIN,
    generation=PathGeneration(1),
    fact="ready",
    bytes_carried=0,
    at_unix_ms=UnixMillis(1),
)


class Broker:
    """Acknowledges events while *is_there*."""

    def __init__(self) -> None:
        self.is_there = False
        self.published = 0

    async def publish(self, *_: object, **_options: object) -> None:
        if not self.is_there:
            await pause(PUBLISH_SECONDS)
            raise TimeoutError
        self.published += 1


def build_publisher(broker: Broker) -> EventPublisher:
    signer = EventSigner(BERLIN, NodeKey.generate(), lambda: UnixMillis(1))
    return EventPublisher(cast("NatsBroker", broker), signer, "SESSIONS")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.levelno >= logging.WARNING]


def test_an_outage_of_the_stream_is_worth_one_line_and_its_end_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def outages() -> None:
        broker = Broker()
        publisher = build_publisher(broker)
        sending = asyncio.create_task(publisher.run())
        for outage in (1, 2):
            broker.is_there = False
            for _ in range(WAITING + 50):
                publisher.emit(FACT)
            await pause(60)
            publisher.emit(FACT)
            assert len(lines(caplog)) == 2 * outage - 1
            broker.is_there = True
            await publisher.flush()
            await pause(1)
            assert len(lines(caplog)) == 2 * outage
        assert broker.published >= 2 * WAITING
        sending.cancel()

    run(outages())
    assert "events wait for the stream SESSIONS" in lines(caplog)[0]
    assert lines(caplog)[1] == "the stream SESSIONS takes events again; 50 were dropped"


def test_a_short_outage_that_drops_nothing_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    async def outage() -> None:
        broker = Broker()
        publisher = build_publisher(broker)
        sending = asyncio.create_task(publisher.run())
        for _ in range(WAITING // 2):
            publisher.emit(FACT)
        await pause(30)
        broker.is_there = True
        await publisher.flush()
        assert broker.published == WAITING // 2
        sending.cancel()

    run(outage())
    assert lines(caplog) == []
