"""How long a body may be, and who is asked before it is read."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest

from services.gateway.access.signed_in_bodies import DOCUMENT_BYTES
from services.gateway.app import build_api
from services.gateway.http.bodies import SHORT_BODY_BYTES
from tests.unit.gateway.conftest import InMemoryGateway, People

OF_STRANGERS = ("/login", "/queue", "/sessions/1234567/join", "/probes")
OF_CALLERS = ("/apply", "/nodes", "/backup/verify", "/backup/restore", "/selection/rehearse")


class Stream(httpx.AsyncByteStream):
    """A body of unknown length that counts what is read of it."""

    def __init__(self, parts: int) -> None:
        self.read_parts = 0
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._parts):
            self.read_parts += 1
            yield b" " * 16_384


async def posted(
    people: People, path: str, body: Any, token: str = "", **headers: str
) -> tuple[int, str]:
    own = {"Content-Type": "application/json", **headers}
    own |= {"Authorization": f"Bearer {token}"} if token else {}
    answer = await people.client.post(f"/api/v1{path}", content=body, headers=own)
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("path", OF_STRANGERS)
async def test_an_announced_body_over_64_kib_is_refused_unread(people: People, path: str) -> None:
    stream = Stream(4)
    length = {"Content-Length": str(SHORT_BODY_BYTES + 1)}
    assert await posted(people, path, stream, **length) == (413, "too_large")
    assert stream.read_parts == 0


@pytest.mark.parametrize("path", OF_STRANGERS)
async def test_a_body_of_unknown_length_is_counted_while_it_comes(
    people: People, path: str
) -> None:
    stream = Stream(100_000)
    assert await posted(people, path, stream) == (413, "too_large")
    assert stream.read_parts <= 6


async def test_a_short_body_of_unknown_length_is_read(people: People) -> None:
    async def parts() -> AsyncGenerator[bytes]:
        for part in (b'{"username": "x",', b'"password": "y"}'):
            yield part

    assert await posted(people, "/login", parts()) == (401, "unauthenticated")


@pytest.mark.parametrize("path", OF_CALLERS)
@pytest.mark.parametrize("token", ["", "forged"])
async def test_a_long_body_is_read_of_signed_in_callers_only(
    people: People, path: str, token: str
) -> None:
    stream = Stream(100_000)
    assert await posted(people, path, stream, token) == (401, "unauthenticated")
    assert stream.read_parts == 0


async def test_a_document_may_be_a_mebibyte_long_and_no_longer(people: People) -> None:
    admin = await people.admin()
    long = b'{"id": "x", "body": {"notes": "' + b"x" * DOCUMENT_BYTES + b'"}}'
    assert await posted(people, "/nodes", long, admin.token) == (413, "too_large")
    status, _ = await posted(people, "/nodes", long[: SHORT_BODY_BYTES * 2], admin.token)
    assert status == 400, "read, and no JSON"


async def test_an_apply_may_be_longer_than_a_document(people: People) -> None:
    admin = await people.admin()
    status, code = await posted(people, "/apply", b" " * (2 * DOCUMENT_BYTES), admin.token)
    assert (status, code) != (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "x", "1" * 400])
async def test_a_length_that_is_no_number_is_refused(fake: InMemoryGateway, length: str) -> None:
    sent: list[Any] = []
    headers = [(b"content-length", length.encode()), (b"host", b"site")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/login",
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.7", 1),
        "http_version": "1.1",
    }

    async def receive() -> Any:
        raise AssertionError("the body is not read")

    async def send(message: Any) -> None:
        sent.append(message)

    await build_api(fake.gateway)(scope, receive, send)
    assert sent[0]["status"] == 413


async def test_what_is_longer_than_announced_is_refused(fake: InMemoryGateway) -> None:
    """The server's parser keeps to the announced length; nobody relies on that."""
    transport = httpx.ASGITransport(app=build_api(fake.gateway))
    async with httpx.AsyncClient(transport=transport, base_url="https://site") as client:
        answer = await client.post(
            "/api/v1/login", content=Stream(100), headers={"Content-Length": "10"}
        )
    assert answer.status_code == 413
