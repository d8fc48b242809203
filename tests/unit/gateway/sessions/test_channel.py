"""The control channel as an endpoint holds it."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from starlette.testclient import (
    TestClient,
    WebSocketDenialResponse,
    WebSocketTestSession,
)
from starlette.websockets import WebSocketDisconnect

from services.gateway.access.address_limits import WRONG_TOKENS
from services.gateway.app import build_api
from services.gateway.sessions.core.attachment import RESERVED_MS
from services.gateway.sessions.core.session import Representative
from services.gateway.sessions.sessions import Sessions
from shared.api.channel import ENDPOINT_HEADER, CloseCode
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.tickets import read_ticket
from shared.documents import Kind
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import SharedAddress
from shared.domain.session import CloseReason
from shared.events.selection import ClientFacts
from shared.events.session import SessionState
from tests.unit.gateway.conftest import InMemoryGateway

HERE = ClientFacts(address="192.0.2.1")
RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))


@pytest.fixture
def client(fake: InMemoryGateway) -> Iterator[TestClient]:
    asyncio.run(fake.state.directory.read())
    with TestClient(build_api(fake.gateway)) as made:
        yield made


def opened(fake: InMemoryGateway) -> SessionState:
    return asyncio.run(fake.gateway.sessions.open(Representative("rita", HERE)))


def joined(fake: InMemoryGateway, session: SessionId) -> SessionState:
    return asyncio.run(fake.gateway.sessions.join(session, HERE))


def channel(
    client: TestClient,
    fake: InMemoryGateway,
    session: SessionId,
    side: Side,
    endpoint: str = "a" * 32,
) -> Any:
    expires = UnixMillis(fake.clock.unix_ms() + 1_000_000)
    token = fake.gateway.accounts.endpoint_token(session, side, expires)
    headers = {"Authorization": f"Bearer {token}", ENDPOINT_HEADER: endpoint}
    return client.websocket_connect(f"/api/v1/sessions/{session}/channel", headers=headers)


def receive(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = socket.receive_json()
        if message["type"] == kind:
            return message


@pytest.mark.parametrize("side", list(Side))
def test_each_end_gets_the_state_and_its_paths(
    client: TestClient, fake: InMemoryGateway, side: Side
) -> None:
    session = opened(fake).session
    joined(fake, session)

    with channel(client, fake, session, side) as socket:
        assert receive(socket, "state")["phase"] == "active"
        paths = receive(socket, "paths")["paths"]

    assert [path["node"] for path in paths] == ["berlin", "denver", "tokyo"]
    assert set(paths[0]) == {"node", "host", "port", "generation", "ticket"}


def test_a_representative_who_waits_gets_nothing_but_the_state(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session

    with channel(client, fake, session, Side.REPRESENTATIVE) as socket:
        assert socket.receive_json() == {
            "type": "state",
            "phase": "waiting",
            "ends": ["representative"],
            "connected": ["representative"],
            "representative": "rita",
        }


def test_an_end_that_needs_paths_gets_more(client: TestClient, fake: InMemoryGateway) -> None:
    session = opened(fake).session
    joined(fake, session)
    fake.clock.at += 10

    with channel(client, fake, session, Side.CUSTOMER) as socket:
        assert len(receive(socket, "paths")["paths"]) == 3
        socket.send_json({"type": "need_paths"})
        assert len(receive(socket, "paths")["paths"]) == 6


def test_an_end_may_close_the_session_for_both(client: TestClient, fake: InMemoryGateway) -> None:
    session = opened(fake).session
    joined(fake, session)

    with channel(client, fake, session, Side.CUSTOMER) as socket:
        close = {"type": "close", "reason": "key_burnt", "message": "the key is burnt"}
        socket.send_json(close)
        assert receive(socket, "closed") == {**close, "type": "closed"}
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()

    assert caught.value.code == CloseCode.ENDED


@pytest.mark.parametrize(
    ("close", "reason", "message"),
    [
        ({}, "other", "closed by the customer"),
        ({"reason": "a reason of tomorrow"}, "other", "closed by the customer"),
        ({"reason": "expired", "message": "x" * 300}, "expired", "x" * 200),
    ],
)
def test_an_endpoint_gives_a_known_reason_and_a_short_sentence(
    client: TestClient, fake: InMemoryGateway, close: dict[str, Any], reason: str, message: str
) -> None:
    with channel(client, fake, opened(fake).session, Side.CUSTOMER) as socket:
        socket.send_json({"type": "close", **close})
        closed = receive(socket, "closed")
    assert (closed["reason"], closed["message"]) == (reason, message)


def test_a_session_that_is_over_says_so_to_whoever_comes(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session
    closing = fake.gateway.sessions.close(session, CloseReason.CLOSED_BY_USER, "closed by rita")
    asyncio.run(closing)

    with channel(client, fake, session, Side.REPRESENTATIVE) as socket:
        closed = receive(socket, "closed")
        assert (closed["reason"], closed["message"]) == ("closed_by_user", "closed by rita")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "x"}])
def test_without_a_token_of_the_session_nobody_listens(
    client: TestClient, fake: InMemoryGateway, headers: dict[str, str]
) -> None:
    session = opened(fake).session
    path = f"/api/v1/sessions/{session}/channel"

    with (
        client.websocket_connect(path, headers=headers) as socket,
        pytest.raises(WebSocketDisconnect) as caught,
    ):
        socket.receive_json()

    assert caught.value.code == CloseCode.REFUSED


def test_whoever_guesses_tokens_is_answered_when_to_come_again(
    client: TestClient, fake: InMemoryGateway
) -> None:
    path = f"/api/v1/sessions/{opened(fake).session}/channel"
    headers = {"Authorization": "Bearer x"}
    for _ in range(WRONG_TOKENS.most):
        with (
            client.websocket_connect(path, headers=headers) as socket,
            pytest.raises(WebSocketDisconnect),
        ):
            socket.receive_json()

    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect(path, headers=headers),
    ):
        pass

    answer = cast("Any", caught.value)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_tokens")
    assert answer.headers["Retry-After"] == "1"
    assert "too many wrong endpoint tokens came from" in answer.json()["detail"]


def test_the_right_token_is_not_limited(client: TestClient, fake: InMemoryGateway) -> None:
    session = opened(fake).session
    for _ in range(WRONG_TOKENS.most + 1):
        with channel(client, fake, session, Side.REPRESENTATIVE) as socket:
            assert socket.receive_json()["type"] == "state"


def test_a_token_of_another_session_opens_nothing(
    client: TestClient, fake: InMemoryGateway
) -> None:
    one, other = opened(fake).session, opened(fake).session
    expires = UnixMillis(fake.clock.unix_ms() + 1_000_000)
    token = fake.gateway.accounts.endpoint_token(one, Side.CUSTOMER, expires)
    headers = {"Authorization": f"Bearer {token}"}

    with (
        client.websocket_connect(f"/api/v1/sessions/{other}/channel", headers=headers) as socket,
        pytest.raises(WebSocketDisconnect),
    ):
        socket.receive_json()


@pytest.mark.parametrize("text", ["", "no json", "[]", "7", '{"type": "unknown"}', "{}"])
def test_what_is_no_message_is_passed_over(
    client: TestClient, fake: InMemoryGateway, text: str
) -> None:
    session = opened(fake).session
    joined(fake, session)

    with channel(client, fake, session, Side.CUSTOMER) as socket:
        socket.send_text(text)
        socket.send_json({"type": "close", "message": "still there"})
        assert receive(socket, "closed")["message"] == "still there"


def test_a_refused_request_is_answered_and_the_channel_goes_on(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session
    joined(fake, session)
    fake.clock.at += 10
    fake.site.is_down = True

    with channel(client, fake, session, Side.CUSTOMER) as socket:
        socket.send_json({"type": "need_paths"})
        assert receive(socket, "error")["code"] == "unavailable"
        fake.site.is_down = False
        socket.send_json({"type": "need_paths"})
        assert len(receive(socket, "paths")["paths"]) >= 3


def shared_session(fake: InMemoryGateway, policy: str = "customer") -> SessionId:
    fake.site.revision += 1
    fake.site.shared, fake.site.policy = SharedAddress(host="192.0.2.99", port=443), policy
    address = {"host": "oslo.example.com", "port": 7_443}
    fake.site.write(Kind.NODE, "oslo", {"role": "traffic", "public_address": address})
    fake.site.write(Kind.NODE, "secret", {"role": "traffic"})
    asyncio.run(fake.state.directory.read())
    session = opened(fake).session
    joined(fake, session)
    return session


@pytest.mark.parametrize(
    ("policy", "first"), [("customer", Side.CUSTOMER), ("representative", Side.REPRESENTATIVE)]
)
def test_the_first_end_goes_to_the_shared_address_and_both_to_the_node_that_it_finds(
    client: TestClient, fake: InMemoryGateway, policy: str, first: Side
) -> None:
    session = shared_session(fake, policy)

    with (
        channel(client, fake, session, first) as one,
        channel(client, fake, session, first.other) as other,
    ):
        (path,) = receive(one, "paths")["paths"]
        assert (path["node"], path["host"], path["port"]) == (None, "192.0.2.99", 443)
        ticket = read_ticket(RING, path["ticket"], node=NodeId("any"), now_ms=UnixMillis(0))
        assert (ticket.node, ticket.side) == (None, first)

        one.send_json({"type": "waits_at", "generation": path["generation"], "node": "oslo"})
        ways = [receive(socket, "paths")["paths"] for socket in (one, other)]

    for paths in ways:
        assert [each["node"] for each in paths] == ["oslo", "berlin", "denver", "tokyo"]
        assert (paths[0]["host"], paths[0]["port"]) == ("oslo.example.com", 7_443)
        assert paths[0]["generation"] == path["generation"]
        named = read_ticket(RING, paths[0]["ticket"], node=NodeId("oslo"), now_ms=UnixMillis(0))
        assert named.node == "oslo"


@pytest.mark.parametrize("node", ["nowhere", "secret", ""])
def test_a_relay_that_the_site_does_not_have_is_not_found(
    client: TestClient, fake: InMemoryGateway, node: object
) -> None:
    with channel(client, fake, shared_session(fake), Side.CUSTOMER) as socket:
        receive(socket, "paths")
        socket.send_json({"type": "waits_at", "generation": 4, "node": node})
        assert receive(socket, "error")["code"] == "not_found"


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"waits_at","generation":4,"node":null}',
        '{"type":"waits_at","generation":4,"node":7}',
        '{"type":"waits_at","generation":"4","node":"oslo"}',
        "[" * 4_000,
        "5",
        "{}",
    ],
)
def test_what_is_no_message_is_answered_and_the_channel_goes_on(
    client: TestClient, fake: InMemoryGateway, text: str
) -> None:
    with channel(client, fake, shared_session(fake), Side.CUSTOMER) as socket:
        receive(socket, "paths")
        socket.send_text(text)
        assert receive(socket, "error")["code"] == "undecodable"
        socket.send_bytes(b"\xff\x00")
        assert receive(socket, "error")["code"] == "undecodable"


def test_an_end_that_reaches_nobody_by_the_shared_address_gets_the_alternates(
    client: TestClient, fake: InMemoryGateway
) -> None:
    with channel(client, fake, shared_session(fake), Side.CUSTOMER) as socket:
        assert len(receive(socket, "paths")["paths"]) == 1
        socket.send_json({"type": "waits_at", "generation": 5, "node": "oslo"})
        assert len(receive(socket, "paths")["paths"]) == 1
        socket.send_json({"type": "need_paths"})
        paths = receive(socket, "paths")["paths"]
        assert [each["node"] for each in paths] == ["berlin", "denver", "tokyo"]


def test_paths_that_are_added_later_are_nodes_own(
    client: TestClient, fake: InMemoryGateway
) -> None:
    with channel(client, fake, shared_session(fake), Side.CUSTOMER) as socket:
        receive(socket, "paths")
        socket.send_json({"type": "waits_at", "generation": 4, "node": "oslo"})
        assert len(receive(socket, "paths")["paths"]) == 4
        fake.clock.at += 10
        socket.send_json({"type": "need_paths"})
        assert None not in [each["node"] for each in receive(socket, "paths")["paths"]]


def test_a_channel_that_fails_in_an_unforeseen_way_ends_alone(
    client: TestClient, fake: InMemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = opened(fake)

    async def fails(_sessions: Sessions, _session: SessionId) -> SessionState:
        raise RecursionError("nested too deeply")

    monkeypatch.setattr(Sessions, "place_again", fails)
    with (
        channel(client, fake, state.session, Side.REPRESENTATIVE) as bad,
        channel(client, fake, state.session, Side.REPRESENTATIVE) as good,
    ):
        bad.send_json({"type": "need_paths"})
        with pytest.raises(WebSocketDisconnect):
            receive(bad, "nothing")
        joined(fake, state.session)
        while receive(good, "state")["phase"] != "active":
            pass


def refusal(socket: WebSocketTestSession) -> tuple[str, CloseCode]:
    """The refusal in words, and the code that the gateway closes with."""
    message = receive(socket, "error")
    with pytest.raises(WebSocketDisconnect) as caught:
        receive(socket, "state")
    return message["message"], CloseCode(caught.value.code)


def test_a_second_program_with_the_same_credentials_is_refused_and_the_first_goes_on(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session
    joined(fake, session)

    with channel(client, fake, session, Side.REPRESENTATIVE) as first:
        assert receive(first, "paths")
        with channel(client, fake, session, Side.REPRESENTATIVE, "b" * 32) as second:
            words, code = refusal(second)
        first.send_json({"type": "close", "message": "still there"})
        assert receive(first, "closed")["message"] == "still there"

    assert code is CloseCode.TAKEN
    assert words.startswith(f"the representative of session {session} is already connected")


def test_a_second_program_waits_a_moment_for_a_lost_one_and_then_gets_its_place(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session
    joined(fake, session)
    with channel(client, fake, session, Side.CUSTOMER) as first:
        receive(first, "paths")

    with channel(client, fake, session, Side.CUSTOMER, "b" * 32) as second:
        words, code = refusal(second)
    assert (code, "until a moment ago" in words) == (CloseCode.RESERVED, True)
    with channel(client, fake, session, Side.CUSTOMER) as again:
        assert receive(again, "paths"), "the lost one itself is let in at once"
    fake.clock.at += RESERVED_MS / 1000
    with channel(client, fake, session, Side.CUSTOMER, "b" * 32) as second:
        assert receive(second, "paths")


@pytest.mark.parametrize("endpoint", ["", "b" * 31, "B" * 32, "b" * 33])
def test_a_program_without_a_number_gets_no_channel(
    client: TestClient, fake: InMemoryGateway, endpoint: str
) -> None:
    session = opened(fake).session
    with (
        channel(client, fake, session, Side.REPRESENTATIVE, endpoint) as socket,
        pytest.raises(WebSocketDisconnect) as caught,
    ):
        socket.receive_json()
    assert caught.value.code == CloseCode.REFUSED
    assert "32 hex digits" in caught.value.reason


def test_a_customer_who_leaves_lets_the_session_wait_for_another(
    client: TestClient, fake: InMemoryGateway
) -> None:
    session = opened(fake).session
    joined(fake, session)
    with channel(client, fake, session, Side.REPRESENTATIVE, "c" * 32) as representative:
        with channel(client, fake, session, Side.CUSTOMER) as customer:
            customer.send_json({"type": "leave", "message": "other words"})
            while (state := receive(representative, "state"))["phase"] != "waiting":
                pass
        assert state["ends"] == ["representative"]
        assert state["connected"] == ["representative"]
        joined(fake, session)
        with channel(client, fake, session, Side.CUSTOMER, "b" * 32) as customer:
            assert receive(customer, "state")["phase"] == "active"
