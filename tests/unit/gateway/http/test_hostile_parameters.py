"""Ids and other parameters that mean nothing are answered with 4xx on every route, never 5xx."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from services.gateway.app import build_api
from shared.api.call import API
from shared.api.channel import CloseCode
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.node import Side
from tests.unit.gateway.conftest import InMemoryGateway, People

HOSTILE: Final = (
    *("a.b", "*", ">", "$JS", "-1", "\N{ARABIC-INDIC DIGIT THREE}", "a b", "a\0b", "\r\nX: y"),
    *("a/b", "%2F", "'", "9" * 10_000, "x" * 10_000, "\N{SNOWMAN}", "\U0010ffff"),
)
BYTES: Final = (b"", b"%", b"..", b"%2e%2e", b"%ED%A0%80", b"%C0%AE")
"""What stands in an address as it is: nothing, half an escape, no UTF-8, a surrogate, overlong."""

USUAL: Final = {"id_": "berlin", "name": "crm", "session": "4821739"}
USER: Final = {"role": "auditor", "password": "twelve letters"}
BODIES: Final[dict[tuple[str, str], object]] = {
    ("put", "/api/v1/{collection}/{id_}"): USER,
    ("post", "/api/v1/{collection}"): {"id": "x", "body": USER},
    ("post", "/api/v1/conflicts/{id_}"): {"resolution": "discard"},
    ("put", "/api/v1/site"): {"name": "support.example.com"},
    ("post", "/api/v1/apply"): {"documents": []},
    ("post", "/api/v1/log/rebuild"): {"reason": "lost", "force": True},
}
"""What the routes with parameters need to go as far as to use them."""

UNDECLARED: Final = (("get", "/api/command", "action"), ("get", "/api/command", "role"))
"""The parameters of the field's own API, which its document does not name."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of one operation; *kind* is where it stands."""

    method: str
    path: str
    name: str
    kind: str


def parameters(api: FastAPI) -> Iterator[Parameter]:
    for path, methods in api.openapi()["paths"].items():
        for method, operation in methods.items():
            for each in operation.get("parameters", ()):
                yield Parameter(method, path, each["name"], each["in"])
    for method, path, name in UNDECLARED:
        yield Parameter(method, path, name, "query")


@dataclass
class Asked:
    """One request as a server hands it to the application, and the answer's status."""

    method: str
    raw_path: bytes
    query: bytes = b""
    headers: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    body: bytes = b""
    status: int = 0

    async def at(self, api: FastAPI) -> int:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method.upper(),
            "scheme": "https",
            "path": unquote(self.raw_path.decode("ascii")),
            "raw_path": self.raw_path,
            "query_string": self.query,
            "root_path": "",
            "headers": [(name.lower().encode(), value) for name, value in self.headers.items()],
            "client": ("192.0.2.7", 5_000),
            "server": ("site", 443),
            "state": {},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message: Any) -> None:
            self.status = message.get("status", self.status)

        with suppress(Exception):  # the server would report it, after the answer
            await api(scope, receive, send)
        return self.status or 500


def asked(each: Parameter, value: bytes, token: str, collection: str) -> Asked:
    """A request for *each* with *value* as it stands in an address, and the rest as usual."""
    path = each.path.encode()
    if each.kind == "path":
        path = path.replace(b"{%s}" % each.name.encode(), value)
    for name, usual in {**USUAL, "collection": collection}.items():
        path = path.replace(b"{%s}" % name.encode(), usual.encode())
    body = json.dumps(BODIES.get((each.method, each.path))).encode()
    headers = {"content-length": str(len(body)).encode(), "content-type": b"application/json"}
    if (each.method, each.path) not in BODIES:
        body, headers = b"", {}
    if token:
        headers["authorization"] = f"Bearer {token}".encode()
    if each.kind == "header":
        headers[each.name] = value.replace(b"\0", b"").replace(b"\r\n", b"")
    query = b"%s=%s" % (each.name.encode(), value) if each.kind == "query" else b""
    return Asked(each.method, path, query, headers, body)


async def test_no_parameter_of_any_route_makes_the_site_fail(
    people: People, fake: InMemoryGateway
) -> None:
    """Ids that cannot stand in a subject are 404 or 422, signed in or not."""
    api = build_api(fake.gateway)
    tokens = ("", (await people.admin()).token)
    values = (*(quote(each, safe="").encode() for each in HOSTILE), *BYTES)
    seen = set[tuple[str, str]]()
    failed = list[str]()
    for each in parameters(api):
        collections = ("users",) if "{collection}" in each.path else ("",)
        seen.add((each.path, each.name))
        for token, value, collection in (
            (token, value, collection)
            for token in tokens
            for value in values
            for collection in collections
        ):
            request = asked(each, value, token, collection)
            if await request.at(api) >= 500:
                failed.append(f"{request.status} {each} {value[:40]!r}, token: {bool(token)}")
    assert failed == []
    assert ("/api/v1/sessions/{session}/join", "session") in seen
    assert ("/api/v1/{collection}/{id_}", "id_") in seen
    assert ("/api/v1/log", "author") in seen
    assert len(seen) > 25


async def test_a_session_that_cannot_be_one_is_refused_in_words_without_signing_in(
    people: People,
) -> None:
    answer = await people.stranger.call("POST", "/sessions/a.b/join")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"] == "session: a session's nameplate is digits alone, like 4821739"


@pytest.mark.parametrize("node", ["a.b", "*", ">", "", "A", "x" * 64])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/failover/promote", {"node": "NODE", "force": True, "reason": "fire"}),
        ("/switchover", {"to": "NODE"}),
        ("/sync", {"nodes": ["NODE"]}),
        ("/sessions", {"node": "NODE"}),
        ("/select", {"pin": "NODE"}),
    ],
)
async def test_a_node_that_cannot_be_one_is_refused_before_the_directory_is_read(
    fake: InMemoryGateway, people: People, path: str, body: object, node: str
) -> None:
    admin = await people.admin()
    fake.state.directory.nodes.clear()
    named = json.loads(json.dumps(body).replace("NODE", node))

    answer = await admin.call("POST", path, named)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text


def websocket_routes(api: FastAPI) -> list[str]:
    """The addresses of every WebSocket; an included router keeps its own routes."""
    routers = [getattr(each, "original_router", None) for each in api.routes]
    routes = [route for router in routers if router is not None for route in router.routes]
    return [f"{API}{each.path}" for each in routes if isinstance(each, APIWebSocketRoute)]


def test_no_id_makes_a_channel_fail_and_each_is_closed_with_a_code(fake: InMemoryGateway) -> None:
    api = build_api(fake.gateway)
    expires = UnixMillis(fake.clock.unix_ms() + 1_000_000)
    token = fake.gateway.accounts.endpoint_token(SessionId("4821739"), Side.CUSTOMER, expires)
    (path,) = websocket_routes(api)
    with TestClient(api) as client:
        for value in (*(quote(each, safe="") for each in HOSTILE), ""):
            url = path.replace("{session}", value)
            for headers in ({}, {"Authorization": f"Bearer {token}"}):
                with pytest.raises(WebSocketDisconnect) as closed:  # noqa: SIM117
                    with client.websocket_connect(url, headers=headers) as socket:
                        socket.receive_json()
                assert closed.value.code in {CloseCode.REFUSED, 1000}, (value, closed.value)
