"""The session reaper over a gateway in memory: it brings the facts, and the states follow."""

import asyncio
from dataclasses import replace

import pytest

from services.gateway.app import build_reaper
from services.gateway.sessions.attachments import Held
from services.gateway.sessions.core.attachment import AWAY_MS, attach
from services.gateway.sessions.core.session import Representative
from services.gateway.sessions.reaper import SessionReaper
from shared.domain.errors import AlreadyConnected, Unavailable
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.node import NodeHeartbeat
from shared.events.relay import CloseSession
from shared.events.selection import ClientFacts
from shared.events.session import PathReported, SessionChanged
from tests.unit.gateway.conftest import InMemoryGateway

HERE = ClientFacts(address="192.0.2.1")
BERLIN, BETA = NodeId("berlin"), NodeId("beta")


async def running(fake: InMemoryGateway) -> SessionId:
    """A session whose ends have joined and are connected here."""
    await fake.state.directory.read()
    sessions = fake.gateway.sessions
    state = await sessions.open(Representative("rita", HERE))
    await sessions.join(state.session, HERE)
    for side in Side:
        await fake.gateway.attachments.attach(held(fake, state.session, side))
    return state.session


def held(fake: InMemoryGateway, session: SessionId, side: Side, endpoint: str = "a" * 32) -> Held:
    return Held(session, fake.gateway.attachments.program(side, endpoint))


def reaper_of(fake: InMemoryGateway) -> SessionReaper:
    return build_reaper(fake.gateway, fake.state)


def phase(fake: InMemoryGateway, session: SessionId) -> SessionPhase:
    state = fake.state.view.get(session)
    assert state is not None
    return state.phase


async def lose(fake: InMemoryGateway, session: SessionId) -> None:
    """Both ends are killed."""
    for side in Side:
        fake.gateway.attachments.detach(held(fake, session, side))
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def ready(session: SessionId, at: int) -> PathReported:
    return PathReported(
        session=session, node=BERLIN, generation=PathGeneration(1), fact="ready", at_unix_ms=at
    )


async def test_sessions_whose_ends_are_both_dead_are_not_active_for_ever(
    fake: InMemoryGateway,
) -> None:
    session, reaper = await running(fake), reaper_of(fake)
    await reaper.sweep()
    assert phase(fake, session) is SessionPhase.ACTIVE
    await lose(fake, session)

    fake.clock.at += AWAY_MS / 1000
    await reaper.sweep()
    assert phase(fake, session) is SessionPhase.WAITING
    fake.clock.at += 3_600
    await reaper.sweep()

    assert phase(fake, session) is SessionPhase.CLOSED
    causes = [each.cause for each in fake.facts.kept if isinstance(each, SessionChanged)]
    assert causes[-2:] == ["an end is gone", "both ends were gone for 60 min"]


async def test_a_session_that_a_relay_carries_is_left_alone_however_long(
    fake: InMemoryGateway,
) -> None:
    session, reaper = await running(fake), reaper_of(fake)
    fake.sessions.facts.append(ready(session, fake.clock.unix_ms()))
    await lose(fake, session)

    for _ in range(4):
        fake.clock.at += 1_800
        await reaper.sweep()
        assert phase(fake, session) is SessionPhase.ACTIVE

    started = fake.clock.unix_ms()
    heartbeat = NodeHeartbeat(node=BERLIN, service="relay", version="1", started_unix_ms=started)
    fake.state.observed.record_heartbeat(heartbeat, fake.clock.now())
    fake.clock.at += 1_800
    await reaper.sweep()
    assert phase(fake, session) is SessionPhase.CLOSED, "the relay's pairs ended with it"


async def test_a_dead_gateways_ends_are_lost_and_a_living_ones_are_not(
    fake: InMemoryGateway,
) -> None:
    session, reaper = await running(fake), reaper_of(fake)
    there = replace(held(fake, session, Side.CUSTOMER).by, gateway=BETA)
    await fake.gateway.sessions.apply(session, lambda state, now: attach(state, there, now))
    beta = NodeHeartbeat(node=BETA, service="relay", version="1", started_unix_ms=1)
    fake.state.observed.record_heartbeat(beta, fake.clock.now())
    fake.gateway.attachments.detach(held(fake, session, Side.CUSTOMER))
    await asyncio.sleep(0)

    await reaper.sweep()
    assert _left(fake, session) is None
    fake.clock.at += 10
    await reaper.sweep()
    assert _left(fake, session) == fake.clock.unix_ms()


def _left(fake: InMemoryGateway, session: SessionId) -> int | None:
    state = fake.state.view.get(session)
    assert state is not None
    return state.attached[Side.CUSTOMER].left_unix_ms


async def test_what_could_not_be_recorded_without_the_log_is_recorded_later(
    fake: InMemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await running(fake)
    reaper = reaper_of(fake)
    mine = held(fake, session, Side.CUSTOMER)
    fake.gateway.attachments.detach(mine)
    await asyncio.sleep(0)

    async def unavailable(*_: object) -> None:
        raise Unavailable("no leader")

    with monkeypatch.context() as patched:
        patched.setattr(fake.sessions, "change", unavailable)
        await fake.gateway.attachments.attach(mine)
        await asyncio.sleep(0)
    assert _left(fake, session) is not None
    await reaper.sweep()
    assert _left(fake, session) is None


async def test_two_programs_that_come_at_once_get_one_place(fake: InMemoryGateway) -> None:
    session = await running(fake)
    other = held(fake, session, Side.CUSTOMER, "b" * 32)
    with pytest.raises(AlreadyConnected):
        await fake.gateway.attachments.attach(other)
    fake.state.view.forget(session)  # as at a gateway that has not heard of the first one yet
    with pytest.raises(AlreadyConnected):
        await fake.gateway.attachments.attach(other)


async def test_what_has_expired_is_closed_everywhere_and_what_is_over_is_forgotten_in_time(
    fake: InMemoryGateway,
) -> None:
    session, reaper = await running(fake), reaper_of(fake)
    fake.clock.at += 86_400
    await reaper.sweep()
    state = fake.state.view.get(session)
    assert state is not None
    assert (state.close_reason, state.close_message) == (CloseReason.EXPIRED, "its time is over")
    await asyncio.sleep(0)
    orders = [each for each in fake.site.asked if isinstance(each, CloseSession)]
    assert {each.session for each in orders} <= {session}
    fake.clock.at += 8 * 86_400
    await reaper.sweep()
    assert fake.state.view.get(session) is None
