import asyncio

import pytest

from services.gateway.access.address_limits import UNKNOWN_NAMEPLATES
from services.gateway.sessions.core.session import Representative
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.tickets import read_ticket
from shared.documents.site import SessionLimits
from shared.domain.errors import AlreadyExists
from shared.domain.ids import NodeId, SessionId
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.failover import MasterGranted
from shared.events.relay import CloseSession
from shared.events.selection import ClientFacts
from tests.unit.gateway.conftest import BOOT, InMemoryGateway, People

RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))


async def opened(people: People) -> str:
    admin = await people.admin()
    answer = await admin.call("POST", "/sessions", {"utc_offset_minutes": 60})
    assert answer.status_code == 201
    return str(answer.json()["session"])


async def test_a_session_opens_under_a_nameplate_of_digits(people: People) -> None:
    session = await opened(people)

    assert len(session) == 7
    assert session.isdecimal()
    assert session[0] != "0"


async def test_the_second_end_brings_paths_with_tickets_for_each_side(
    people: People, fake: InMemoryGateway
) -> None:
    session = SessionId(await opened(people))
    joined = await people.stranger.call("POST", f"/sessions/{session}/join")
    assert joined.status_code == 200
    state = fake.sessions.kept[session].state

    assert state.phase is SessionPhase.ACTIVE
    for side in Side:
        paths = fake.gateway.tickets.paths(state, side, SessionLimits())
        assert [path.node for path in paths] == ["berlin", "denver", "tokyo"]
        for path in paths:
            assert path.node is not None
            ticket = read_ticket(RING, path.ticket, node=path.node, now_ms=fake.clock.unix_ms())
            assert (ticket.session, ticket.side) == (session, side)
            assert ticket.generation == path.generation


async def test_a_ticket_carries_the_sites_limits(people: People, fake: InMemoryGateway) -> None:
    session = SessionId(await opened(people))
    await people.stranger.call("POST", f"/sessions/{session}/join")
    state = fake.sessions.kept[session].state
    limits = SessionLimits(bytes_per_second=1_000, idle_seconds=60)

    (first, *_) = fake.gateway.tickets.paths(state, Side.CUSTOMER, limits)

    ticket = read_ticket(RING, first.ticket, node=NodeId("berlin"), now_ms=fake.clock.unix_ms())
    assert (ticket.limits.bytes_per_second, ticket.limits.idle_seconds) == (1_000, 60)


async def test_an_unknown_nameplate_is_not_found_and_guessing_ends(people: People) -> None:
    for _ in range(UNKNOWN_NAMEPLATES.most):
        answer = await people.stranger.call("POST", "/sessions/1234567/join")
        assert answer.status_code == 404

    answer = await people.stranger.call("POST", "/sessions/1234567/join")

    assert answer.status_code == 429


async def test_nobody_joins_a_closed_session(people: People) -> None:
    admin = await people.admin()
    session = (await admin.call("POST", "/sessions")).json()["session"]
    assert (await admin.call("DELETE", f"/sessions/{session}")).status_code == 200

    answer = await people.stranger.call("POST", f"/sessions/{session}/join")

    assert answer.status_code == 410
    assert answer.json()["code"] == "session_ended"


async def test_closing_asks_every_node_that_has_a_ticket(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    session = (await admin.call("POST", "/sessions")).json()["session"]
    await people.stranger.call("POST", f"/sessions/{session}/join")

    await admin.call("DELETE", f"/sessions/{session}")
    await fake.containment.finished()

    relays = {order.node for order in fake.site.asked if isinstance(order, CloseSession)}
    assert relays == {"berlin", "denver", "tokyo"}


async def test_a_representative_sees_and_closes_own_sessions_only(people: People) -> None:
    rita = await people.signed_in("rita", "representative")
    anna = await people.signed_in("anna", "representative")
    session = (await rita.call("POST", "/sessions")).json()["session"]

    assert [each["session"] for each in (await rita.get("/sessions")).json()] == [session]
    assert (await anna.get("/sessions")).json() == []
    refused = await anna.call("DELETE", f"/sessions/{session}")
    assert refused.status_code == 403
    auditor = await people.signed_in("otto", "auditor")
    assert len((await auditor.get("/sessions")).json()) == 1


async def test_an_end_that_lost_its_paths_gets_others_first(
    people: People, fake: InMemoryGateway
) -> None:
    session = SessionId(await opened(people))
    await people.stranger.call("POST", f"/sessions/{session}/join")
    fake.site.nodes = ["berlin", "denver", "tokyo", "lagos"]
    fake.clock.at += 10

    after = await fake.gateway.sessions.place_again(session)

    assert [path.node for path in after.paths] == ["berlin", "denver", "tokyo", "lagos"]
    assert len({path.generation for path in after.paths}) == 4


async def test_both_ends_asking_at_once_get_one_answer(
    people: People, fake: InMemoryGateway
) -> None:
    session = SessionId(await opened(people))
    await people.stranger.call("POST", f"/sessions/{session}/join")
    fake.clock.at += 10

    one, other = await asyncio.gather(
        fake.gateway.sessions.place_again(session), fake.gateway.sessions.place_again(session)
    )

    assert one.paths == other.paths


async def test_a_used_nameplate_is_drawn_again(
    people: People, fake: InMemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["1111111", "1111111", "2222222"])
    monkeypatch.setattr("services.gateway.sessions.sessions._nameplate", lambda: next(drawn))

    assert [await opened(people), await opened(people)] == ["1111111", "2222222"]
    monkeypatch.setattr("services.gateway.sessions.sessions._nameplate", lambda: "1111111")
    with pytest.raises(AlreadyExists):
        await fake.gateway.sessions.open(Representative("rita", ClientFacts(address="")))


async def test_a_gateway_shows_at_once_what_it_wrote(fake: InMemoryGateway) -> None:
    await fake.state.directory.read()
    sessions, view = fake.gateway.sessions, fake.state.view
    opened = await sessions.open(Representative("rita", ClientFacts(address="")))
    assert view.get(opened.session) == opened

    joined = await sessions.join(opened.session, ClientFacts(address=""))
    assert view.get(opened.session) == joined

    with view.listening(opened.session) as states:
        assert states.get_nowait() == joined
        assert await sessions.place_again(opened.session) == joined
        assert states.get_nowait() == joined, "an end that asks again gets its paths again"


async def test_the_role_is_the_status_for_load_balancers(
    people: People, fake: InMemoryGateway
) -> None:
    backup = await people.client.get("/role")
    assert backup.status_code == 503
    assert backup.json()["role"] == "backup"
    grant = {"node": "alpha", "epoch": 3, "boot_id": BOOT, "valid_until": fake.clock.at + 1}
    fake.state.grant.offer(MasterGranted.model_validate(grant))

    primary = await people.client.get("/role")

    assert primary.status_code == 200
    assert primary.json() == {"node": "alpha", "role": "primary", "epoch": 3}
    fake.clock.at += 1
    assert (await people.client.get("/role")).status_code == 503


async def test_readiness_says_why_not(people: People, fake: InMemoryGateway) -> None:
    fake.state.health.set("sessions", ok=False, reason="the sessions' log is not read")

    answer = await people.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["sessions: the sessions' log is not read"]
    assert (await people.client.get("/healthz")).status_code == 200


async def test_the_api_describes_itself(people: People) -> None:
    document = (await people.client.get("/openapi.json")).json()

    assert "/api/v1/sessions/{session}/join" in document["paths"]


async def test_selection_is_explained_for_a_given_client(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()

    answer = await admin.call("POST", "/select", {"client": {"address": "192.0.2.99"}})

    assert [each["node"] for each in answer.json()["choices"]] == fake.site.nodes
    berlin = {"node": "berlin", "rank": 1, "reason": "random", "region": ""}
    assert answer.json()["explanation"][0] == berlin
