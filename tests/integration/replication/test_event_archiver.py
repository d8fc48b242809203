# pyright: reportUnknownMemberType=false
"""The history's keeper between a real stream of events and a real database."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.replication.history.archiver import EventArchiver
from shared.crypto.envelope import MESSAGE, SIGNATURE_HEADER, Identity, Signer, Verifier
from shared.crypto.keyring import KeyRing, make_psk
from shared.crypto.node_signature import NODE_SIGNATURE_HEADER
from shared.crypto.nodekeys import NodeKey
from shared.domain.history import StatusLine
from shared.domain.ids import ClusterId, Epoch, NodeId, SessionId, UnixMillis
from shared.domain.session import SessionPhase
from shared.events.failover import PrimaryChanged
from shared.events.message import Event
from shared.events.operation import ReadStatusHistory
from shared.events.session import SessionChanged
from shared.messaging.connection import jetstream_of
from shared.messaging.events import EventSigner
from shared.messaging.streams import EVENTS, ensure_streams
from shared.persistence.pool import Database
from shared.persistence.status_history import StatusHistory
from shared.runtime.clock import SystemClock
from tests.fakes.rejections import KeptRejections
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

RING: Final = KeyRing.derive(make_psk(), ClusterId("0123456789abcdef"))
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
SECONDS: Final = 20.0


@dataclass
class Town:
    """What is said on the stream, and what a chronicle keeps of it."""

    client: Client
    archiver: EventArchiver
    event: int = 0

    async def say(self, event: Event, ring: KeyRing = RING) -> None:
        self.event += 1
        now = UnixMillis(SystemClock().unix_ms() + self.event)
        fact = EventSigner(ALPHA, NodeKey.generate(), lambda: now).sign(event)
        signer = Signer(ring, Identity(ALPHA, "failover_monitor", "x"), "boot", lambda: now)
        header, _ = signer.sign(MESSAGE, fact.address, "application/json", fact.payload)
        await jetstream_of(self.client).publish(
            fact.address,
            fact.payload,
            headers={
                "content-type": "application/json",
                SIGNATURE_HEADER: header,
                NODE_SIGNATURE_HEADER: fact.node_signature,
            },
        )

    async def lines(self, limit: int = 50, node: NodeId | None = None) -> tuple[StatusLine, ...]:
        question = ReadStatusHistory(limit=limit, node=node)
        answer = await self.archiver.answer(question)
        assert answer is not None
        return answer.lines

    async def until(self, is_so: Callable[[tuple[StatusLine, ...]], object]) -> None:
        """Let the chronicle work until its lines are as they are awaited."""
        working = asyncio.ensure_future(self.archiver.run())
        try:
            async with asyncio.timeout(SECONDS):
                while not is_so(await self.lines()):
                    await asyncio.sleep(0.05)
        finally:
            working.cancel()


@pytest_asyncio.fixture
async def town(nats_server: NatsServer, postgres_url: str, tmp_path: Path) -> AsyncGenerator[Town]:
    del tmp_path
    client = await nats.connect(nats_server.url)
    await ensure_streams(jetstream_of(client), 1)
    database, clock = Database(postgres_url), SystemClock()
    verifier = Verifier(RING, clock.unix_ms, clock.unix_ms())
    yield Town(
        client, EventArchiver(client, verifier, KeptRejections(), StatusHistory(database), clock)
    )
    await database.close()
    await client.close()


def changed(node: NodeId, epoch: int) -> PrimaryChanged:
    return PrimaryChanged(node=node, previous=None, epoch=Epoch(epoch), cause="takeover")


async def test_what_the_site_says_is_kept_with_how_long_it_lasted(town: Town) -> None:
    await town.say(changed(ALPHA, 1))
    await town.say(changed(BRAVO, 2))
    await town.until(lambda lines: len(lines) == 2)
    newest, oldest = await town.lines()
    assert (newest.sentence, newest.lasted_ms) == (
        "bravo is primary of epoch 2 after nobody: takeover",
        None,
    )
    assert oldest.lasted_ms == newest.at_unix_ms - oldest.at_unix_ms
    assert [each.nodes for each in await town.lines(node=BRAVO)] == [("bravo",)]


async def test_one_page_after_the_other_holds_each_once(town: Town) -> None:
    for number in range(5):
        await town.say(changed(ALPHA, number))
    await town.until(lambda lines: len(lines) == 5)
    seen: list[int] = []
    question = ReadStatusHistory(limit=2)
    while True:
        page = await town.archiver.answer(question)
        assert page is not None
        seen += [line.body["epoch"] for line in page.lines]
        if page.next is None:
            break
        question = question.model_copy(update={"before": page.next})
    assert seen == [4, 3, 2, 1, 0]


async def test_a_stream_made_anew_and_a_restart_neither_lose_nor_repeat(town: Town) -> None:
    await town.say(changed(ALPHA, 1))
    await town.until(lambda lines: len(lines) == 1)
    await town.say(changed(BRAVO, 2))
    await town.until(lambda lines: len(lines) == 2)
    await jetstream_of(town.client).delete_stream(EVENTS)
    await ensure_streams(jetstream_of(town.client), 1)
    await town.say(changed(ALPHA, 3))
    await town.until(lambda lines: len(lines) == 3)
    assert [line.body["epoch"] for line in await town.lines()] == [3, 2, 1]


async def test_what_no_member_signed_or_is_kept_elsewhere_is_left_out(town: Town) -> None:
    stranger = KeyRing.derive(make_psk(), ClusterId("0123456789abcdef"))
    await town.say(changed(BRAVO, 9), stranger)
    await town.say(
        SessionChanged(
            session=SessionId("4711"),
            phase=SessionPhase.CLOSED,
            previous=None,
            cause="",
            representative="ann",
        )
    )
    await town.say(changed(ALPHA, 1))
    await town.until(bool)
    assert [line.body["epoch"] for line in await town.lines()] == [1]


async def test_a_master_without_its_database_leaves_the_answer_to_the_other(town: Town) -> None:
    town.archiver.history = StatusHistory(Database("postgresql://nobody@127.0.0.1:1/nothing"))
    assert await town.archiver.answer(ReadStatusHistory()) is None
