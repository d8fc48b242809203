# pyright: reportUnknownMemberType=false
"""A stop of the gateway: what is in flight is finished or handed back, and nobody gets a 500."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Header, WebSocket
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from services.gateway.http.graceful_stop import GracefulStop, RequestsInFlight, with_key
from services.gateway.http.problems import answer_with_problems
from shared.domain.errors import NoPrimary
from tests.unit.gateway.conftest import InMemoryGateway, People

GRACE = 0.1


class Service:
    """An application whose routes wait for the test, over requests that are counted."""

    def __init__(self) -> None:
        self.requests = RequestsInFlight(GRACE)
        self.may_answer = asyncio.Event()
        self.is_reached = asyncio.Event()
        self.broken: Exception | None = None
        self.api = FastAPI()
        self.api.add_middleware(GracefulStop, requests=self.requests, draw_key=lambda: "drawn")
        answer_with_problems(self.api)
        self.api.add_api_route("/change", self._change, methods=["GET", "PUT"])
        self.api.add_api_route("/stream", self._stream, methods=["POST"])
        self.api.add_api_route("/unavailable", self._unavailable, methods=["POST"])

    async def _change(self, idempotency_key: str = Header(default="")) -> dict[str, str]:
        self.is_reached.set()
        await self.may_answer.wait()
        if self.broken is not None:
            raise self.broken
        return {"key": idempotency_key}

    async def _stream(self) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            self.is_reached.set()
            yield b"part"
            await self.may_answer.wait()

        return StreamingResponse(parts())

    async def _unavailable(self) -> None:
        raise NoPrimary("nobody answers")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest_asyncio.fixture
async def client(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=service.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://site") as client:
        yield client


async def begun(
    service: Service, client: httpx.AsyncClient, method: str, **headers: str
) -> asyncio.Task[httpx.Response]:
    asked = asyncio.create_task(client.request(method, "/change", headers=headers))
    await service.is_reached.wait()
    return asked


async def test_a_change_in_flight_is_finished_and_the_stop_waits_for_it(
    service: Service, client: httpx.AsyncClient
) -> None:
    asked = await begun(service, client, "PUT")
    stopped = asyncio.create_task(service.requests.end())
    await asyncio.sleep(0)
    assert not stopped.done()

    service.may_answer.set()

    assert (await asked).json() == {"key": "drawn"}
    await stopped


@pytest.mark.parametrize(("given", "key"), [({"Idempotency-Key": "mine"}, "mine"), ({}, "drawn")])
async def test_a_change_that_is_not_finished_in_time_is_handed_back_with_its_key(
    service: Service, client: httpx.AsyncClient, given: dict[str, str], key: str
) -> None:
    asked = await begun(service, client, "PUT", **given)

    await service.requests.end()

    answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Idempotency-Key"] == answer.json()["idempotency_key"] == key
    assert key in answer.json()["detail"]


async def test_what_fails_because_of_the_stop_is_handed_back_too(
    service: Service, client: httpx.AsyncClient
) -> None:
    asked = await begun(service, client, "PUT")
    stopped = asyncio.create_task(service.requests.end())
    await asyncio.sleep(0)

    service.broken = ConnectionError("the bus is gone")
    service.may_answer.set()

    assert ((await asked).status_code, (await asked).json()["code"]) == (503, "stopping")
    await stopped


async def test_without_a_stop_a_failure_is_a_failure(
    service: Service, client: httpx.AsyncClient
) -> None:
    service.broken = ConnectionError("the bus is gone")
    service.may_answer.set()

    assert (await client.put("/change")).status_code == 500


async def test_a_new_request_is_refused_and_a_reader_needs_no_key(
    service: Service, client: httpx.AsyncClient
) -> None:
    await service.requests.end()

    answer = await client.get("/change")

    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert answer.headers["Connection"] == "close"
    assert "Idempotency-Key" not in answer.headers
    assert (await client.put("/change")).headers["Idempotency-Key"] == "drawn"


async def test_an_answer_that_has_begun_breaks_off_and_is_never_whole(
    service: Service, client: httpx.AsyncClient
) -> None:
    """A backup that is being made when the gateway stops is cut: no two answers in one."""
    sent: list[dict[str, Any]] = []
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/stream", "state": {}}
    scope |= {"headers": [], "query_string": b""}
    asked = asyncio.create_task(service.api(scope, incoming.get, send))
    await service.is_reached.wait()

    await service.requests.end()

    with pytest.raises(TimeoutError):
        await asked
    assert [each.get("status") for each in sent if each["type"] == "http.response.start"] == [200]
    assert all(each.get("more_body") for each in sent if each["type"] == "http.response.body")


async def test_any_503_of_a_change_names_the_key_that_makes_repeating_it_safe(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/unavailable", headers={"Idempotency-Key": "mine"})

    assert (answer.status_code, answer.json()["code"]) == (503, "no_primary")
    assert answer.headers["Idempotency-Key"] == "mine"


@pytest.mark.parametrize(
    ("headers", "key"),
    [([], "drawn"), ([(b"idempotency-key", b"")], "drawn"), ([(b"idempotency-key", b"k")], "k")],
)
def test_each_change_has_one_key(headers: list[tuple[bytes, bytes]], key: str) -> None:
    scope, found = with_key({"method": "PUT", "headers": headers}, lambda: "drawn")

    assert found == key
    assert scope["headers"] == [(b"idempotency-key", key.encode())]


def socket_service() -> tuple[Service, list[str]]:
    service, done = Service(), list[str]()

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect as gone:
            done.append(f"carried out before {gone.code}")

    async def stop() -> None:
        asyncio.get_running_loop().create_task(service.requests.end())

    service.api.add_api_websocket_route("/talk", talk)
    service.api.add_api_route("/stop", stop, methods=["POST"])
    return service, done


def test_a_socket_is_closed_as_by_a_restart_and_its_handler_ends_by_itself() -> None:
    service, done = socket_service()
    with TestClient(service.api) as client, client.websocket_connect("/talk") as socket:
        assert socket.receive_text() == "hello"
        client.post("/stop")

        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()

        assert (closed.value.code, closed.value.reason) == (
            1012,
            "this gateway is stopping: connect to another one",
        )
    assert done == ["carried out before 1012"]


def test_a_handshake_at_the_stop_is_refused_like_a_request() -> None:
    service, _ = socket_service()
    asyncio.run(service.requests.end())
    with TestClient(service.api) as client:
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/talk"):
            pass
        answer: httpx.Response = cast("Any", refused.value)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_the_gateway_itself_stops_like_that(people: People, fake: InMemoryGateway) -> None:
    admin = await people.admin()
    await fake.gateway.requests.end()

    answer = await admin.call("PUT", "/teams/help", {"members": []}, Idempotency_Key="mine")

    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert answer.headers["Idempotency-Key"] == "mine"
