"""What every store of sessions promises: compare-and-set for each session, and a watch."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import pytest
import pytest_asyncio

from services.gateway.sessions.store import (
    CONTENT_TYPE,
    JetStreamSessions,
    Kept,
    SessionStore,
)
from shared.crypto.envelope import MESSAGE, SIGNATURE_HEADER, Identity, Signer, Verifier
from shared.crypto.keyring import KeyRing, Keys
from shared.domain.errors import NotFound
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.session import SessionPhase
from shared.events.session import PathReported, SessionState
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from tests.contract.servers import MEMORY, NATS, log_server
from tests.fakes.rejections import KeptRejections
from tests.fakes.sessions import MemorySessions

NOW = UnixMillis(1_777_888_800_000)
RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
ONE, TWO = SessionId("7654321"), SessionId("1234567")
SECONDS = 10.0


@dataclass
class Kit:
    """A store of sessions, and the way in which a relay reports to it."""

    store: SessionStore
    report: Callable[[PathReported], Awaitable[None]]


@pytest_asyncio.fixture(params=[MEMORY, NATS])
async def kit(request: pytest.FixtureRequest) -> AsyncGenerator[Kit]:
    if request.param == MEMORY:
        memory = MemorySessions()

        async def keep(fact: PathReported) -> None:
            memory.facts.append(fact)

        yield Kit(memory, keep)
        return
    async with log_server(request).connected() as client:
        jetstream = jetstream_of(client)
        await ensure_streams(jetstream, 1)
        signer = Signer(RING, Identity(NodeId("alpha"), "gateway", "1f2e"), "boot", lambda: NOW)
        verifier = Verifier(RING, lambda: NOW, UnixMillis(0))

        async def publish(fact: PathReported) -> None:
            relay = Signer(RING, Identity(fact.node, "relay", "1f2e"), "boot", lambda: NOW)
            payload = fact.model_dump_json().encode()
            header, _ = relay.sign(MESSAGE, fact.address, CONTENT_TYPE, payload)
            await jetstream.publish(fact.address, payload, headers={SIGNATURE_HEADER: header})

        yield Kit(JetStreamSessions(client, signer, verifier, KeptRejections()), publish)


@pytest.fixture
def store(kit: Kit) -> SessionStore:
    return kit.store


def opened(session: SessionId = ONE, representative: str = "rita") -> SessionState:
    return SessionState(
        session=session,
        phase=SessionPhase.WAITING,
        representative=representative,
        opened_unix_ms=1,
        expires_unix_ms=2,
    )


async def test_a_session_is_read_as_it_was_opened(store: SessionStore) -> None:
    assert await store.create(opened())
    assert (await store.get(ONE)).state == opened()


async def test_a_session_that_was_never_opened_is_not_found(store: SessionStore) -> None:
    with pytest.raises(NotFound):
        await store.get(ONE)
    with pytest.raises(NotFound):
        await store.change(ONE, _close)


async def test_a_nameplate_is_taken_once(store: SessionStore) -> None:
    assert await store.create(opened())
    assert not await store.create(opened(representative="somebody else"))
    assert await store.create(opened(TWO))
    assert (await store.get(ONE)).state.representative == "rita"


async def _close(state: SessionState) -> SessionState:
    return state.model_copy(update={"phase": SessionPhase.CLOSED})


async def test_a_change_replaces_the_state_at_a_later_sequence(store: SessionStore) -> None:
    await store.create(opened())
    before = await store.get(ONE)
    after = await store.change(ONE, _close)
    assert after.phase is SessionPhase.CLOSED
    kept = await store.get(ONE)
    assert kept.state == after
    assert kept.sequence > before.sequence


async def test_a_change_that_changes_nothing_writes_nothing(store: SessionStore) -> None:
    await store.create(opened())
    before = await store.get(ONE)

    async def keep(state: SessionState) -> SessionState:
        return state

    assert await store.change(ONE, keep) == opened()
    assert await store.get(ONE) == before


async def test_a_decision_is_made_again_when_somebody_was_faster(store: SessionStore) -> None:
    await store.create(opened())
    seen: list[str] = []

    async def close(state: SessionState) -> SessionState:
        seen.append(state.representative)
        if len(seen) == 1:
            await store.change(ONE, _rename)
        return await _close(state)

    async def _rename(state: SessionState) -> SessionState:
        return state.model_copy(update={"representative": "sam"})

    after = await store.change(ONE, close)
    assert seen == ["rita", "sam"]
    assert (after.representative, after.phase) == ("sam", SessionPhase.CLOSED)
    assert (await store.get(ONE)).state == after


async def test_a_watch_brings_every_last_state_and_then_each_new_one(store: SessionStore) -> None:
    await store.create(opened())
    await store.change(ONE, _close)
    await store.create(opened(TWO))
    watch = cast("AsyncGenerator[Kept | None]", store.watch())
    async with asyncio.timeout(SECONDS), aclosing(watch) as states:
        assert await anext(states) is None, "the watch stands"
        found = [await anext(states), await anext(states)]
        assert [(each.state.session, each.state.phase) for each in found if each] == [
            (ONE, SessionPhase.CLOSED),
            (TWO, SessionPhase.WAITING),
        ]
        await store.change(TWO, _close)
        new = await anext(states)
        assert new == await store.get(TWO)


async def test_the_facts_of_one_session_come_from_every_relay_in_their_order(kit: Kit) -> None:
    facts = [fact(ONE, "ready"), fact(ONE, "parted"), fact(ONE, "ready", "tokyo")]
    for each in (facts[0], fact(TWO, "ready"), *facts[1:]):
        await kit.report(each)
    await kit.store.create(opened())
    assert await kit.store.path_facts(ONE) == facts
    assert await kit.store.path_facts(SessionId("1000000")) == []


def fact(session: SessionId, name: str, node: str = "berlin") -> PathReported:
    return PathReported(
        session=session,
        node=NodeId(node),
        generation=PathGeneration(1),
        fact=name,
        at_unix_ms=NOW,
    )
