# pyright: reportPrivateUsage=false
"""The API: bytes of a connection through the server's own parser to the routes and back."""

import asyncio
import logging
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.gateway.app import build_api
from services.gateway.http.provided import provide
from shared.api.channel import ENDPOINT_HEADER
from shared.crypto.tokens import issue_token
from shared.documents import SITE_ID, Kind
from shared.domain.ids import SessionId, UnixMillis
from shared.events.session import SessionState
from tests.fakes.gateway import InMemoryGateway, build_in_memory_gateway
from tools.fuzz.declared import example
from tools.fuzz.held import finished
from tools.fuzz.samples import encoded, joined
from tools.fuzz.target import Dropped, Target, parts

FOREVER = UnixMillis(2_000_000_000_000)
SESSION = SessionId("4821739")
FAILED = b"the site failed at this"
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")
TURNS, TURN_SECONDS = 1_000, 0.005
WAITING = 2
"""Turns after which a channel, or a request that is not whole, waits for its peer: it goes away."""


class Escaped(Exception):
    """A route failed at a request with an exception of its own, or answered that it did."""


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.protocol: Any = None
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.written += b"".join(parts)

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 5_000) if name in {"peername", "sockname"} else default

    def __getattr__(self, name: str) -> Any:
        return self._ignored

    def _ignored(self, *_: object, **__: object) -> None:
        return None


@cache
def _server() -> tuple[FastAPI, uvicorn.Config, list[BaseException]]:
    """The application, a server's settings as the gateway's own, and what escaped from a route."""
    api, escaped = build_api(build_in_memory_gateway().gateway), list[BaseException]()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await api(scope, receive, send)
        except (ClientDisconnect, WebSocketDisconnect):
            raise
        except Exception as error:
            escaped.append(error)
            raise

    config = uvicorn.Config(
        watched,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_ping_interval=None,
        http="httptools",
        server_header=False,
    )
    config.load()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    return api, config, escaped


def fresh_gateway() -> InMemoryGateway:
    """A gateway as of its start, with one session."""
    fake = build_in_memory_gateway()
    fake.site.write(Kind.SITE, SITE_ID, {"name": "site"})
    fake.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "eu"})
    state = SessionState.model_validate({**example(SessionState), "session": SESSION})
    finished(fake.sessions.create(state))
    fake.state.view.update(state)
    finished(fake.state.directory.read())
    return fake


def _tokens(fake: InMemoryGateway, data: bytes) -> bytes:
    """*data* with true tokens where it names them."""
    for name, claims in (
        (b"{admin}", {"kind": "access", "user": "admin", "role": "administrator"}),
        (b"{rita}", {"kind": "access", "user": "rita", "role": "representative"}),
        (b"{end}", {"kind": "endpoint", "session": SESSION, "side": "customer"}),
    ):
        if name in data:
            secret = fake.gateway.accounts._secret
            data = data.replace(name, issue_token(secret, claims, FOREVER).encode())
    return data


def _connection(data: bytes) -> object:
    """What comes over one connection, in two pieces, then its end."""
    return finished(_served(fresh_gateway(), data))


async def _served(fake: InMemoryGateway, data: bytes) -> object:
    api, config, escaped = _server()
    escaped.clear()
    provide(api, *fake.gateway.provided)
    state, wire = ServerState(), Wire()
    loop = asyncio.get_running_loop()
    wire.protocol = HttpToolsProtocol(config, state, {}, loop)
    wire.protocol.connection_made(cast("asyncio.Transport", wire))
    request, frames = parts(_tokens(fake, data), 2)
    half = len(request) // 2
    for piece in (request[:half], request[half:], frames):
        if piece and not wire.is_closed:
            wire.protocol.data_received(piece)
            await asyncio.sleep(0)
        if piece is not request[:half]:
            await _settled(state, wire)
    wire.protocol.connection_lost(None)
    await _settled(state, wire)
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    if escaped:
        raise Escaped(repr(escaped[0])[:200]) from escaped[0]
    return _answer(wire.written)


async def _settled(state: ServerState, protocol: Any) -> None:
    """Let everything run until the answer is there, or what is missing is the peer's to send."""
    for turn in range(TURNS):
        if not state.tasks:
            return
        await asyncio.wait(state.tasks, timeout=TURN_SECONDS)
        is_upgraded = not isinstance(protocol.protocol, HttpToolsProtocol)
        if turn >= WAITING and (is_upgraded or protocol.protocol.cycle.more_body):
            return


def _answer(written: bytes) -> int:
    statuses = [int(each) for each in STATUS.findall(written)]
    if FAILED in written:
        raise Escaped("answered that it failed")
    if not statuses:
        raise Dropped("no_answer")
    if statuses[0] >= 400:  # 500 is what a health check answers of a site that is not well
        raise Dropped(str(statuses[0]))
    return statuses[0]


def _request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    kind = "Content-Type: application/json"
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: site",
        kind,
        *headers,
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body


def _connection_corpus() -> Iterable[bytes]:
    admin, rita = "Authorization: Bearer {admin}", "Authorization: Bearer {rita}"
    yield from _by_every_route(admin)
    node = encoded({"role": "traffic", "region": "us"})
    for tag in ('"7"', "*", '"x"', 'W/"1"', '"' + "9" * 40 + '"', '"\udce9"'):
        yield _request("PUT", "/api/v1/nodes/berlin", node, admin, f"If-Match: {tag}")
    yield _request("PUT", "/api/v1/nodes/berlin", node, admin, "If-None-Match: *")
    yield _request("PUT", "/api/v1/nodes/BERLIN", node, admin)
    yield _request("PUT", "/api/v1/nodes/berlin", node, rita)
    for path in (
        "/api/v1/log?before=1.2",
        "/api/v1/log?before=x",
        "/api/v1/log?limit=" + "9" * 500,
    ):
        yield _request("GET", path, b"", admin)
    for path in (
        "status/history?before=1.x",
        "status/history?limit=0",
        "nodes?limit=-1",
        "%00",
        "nodes/%ff",
    ):
        yield _request("GET", f"/api/v1/{path}", b"", admin)
    yield _request("POST", "/api/v1/backup/verify", b"no backup", admin)
    for phrase in ("!", "/w==", "\udcff", "A" * 5_000):
        yield _request(
            "POST", "/api/v1/backup/verify", b"x", admin, f"Meridian-Passphrase: {phrase}"
        )
    yield _request("POST", "/api/v1/login", b'{"username":"x","password":"y"}')
    yield from _no_http()
    yield from _channels()


def _by_every_route(admin: str) -> Iterable[bytes]:
    """Every route with bodies of the wrong kind."""
    for path, methods in sorted(
        build_api(build_in_memory_gateway().gateway).openapi()["paths"].items()
    ):
        place = re.sub(r"\{[a-z_]+\}", "4821739", path)
        for method in methods:
            bodies = (b"", b"{}", b"[" * 300, b'{"a":"\\u0000"}') if method != "get" else (b"",)
            for body in bodies:
                yield _request(method.upper(), place, body, admin)
        yield _request("GET", place)


def _no_http() -> Iterable[bytes]:
    yield from (
        b"",
        b"\r\n",
        b"no HTTP\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    )
    yield b"POST /api/v1/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    yield b"POST /api/v1/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    yield b"POST /api/v1/login HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n{}"
    yield b"POST /api/v1/probes HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{}"
    yield b"GET //[::1 HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"GET http://[/ HTTP/1.1\r\n\r\n"
    yield b"CONNECT x:1 HTTP/1.1\r\n\r\n"
    yield b"GET /api/v1/nodes HTTP/1.1\r\nHost: [\r\nAuthorization: Bearer {admin}\r\n\r\n" * 2
    yield b"GET /%C3%28 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"
    yield b"GET /api/v1/nodes HTTP/1.1\r\nAuthorization: \xff\r\nCookie: \xff\r\n\r\n"


def _channels() -> Iterable[bytes]:
    upgrade = (
        *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",),
    )
    path, token = f"/api/v1/sessions/{SESSION}/channel", "Authorization: Bearer {end}"
    fields = (*upgrade, token, f"{ENDPOINT_HEADER}: {'0' * 32}")
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n" + "\r\n".join(fields) + "\r\n\r\n"
    for text in (b'{"type":"need_paths"}', b"[", b"{}", b"\xff", b"x" * 120):
        for first in (0x81, 0x82, 0x01, 0x88, 0x89, 0xF1):
            frame = bytes([first, 0x80 | len(text)]) + b"\0\0\0\0" + text
            yield joined(head.encode(), frame)
    yield joined(head.encode(), b"\x81\xff" + b"\xff" * 8)
    for line in upgrade:
        yield head.replace(line, line + "\udcff").encode("utf-8", "surrogateescape")
        yield head.replace(f"{line}\r\n", "").encode()
    yield head.replace("{end}", "{admin}").encode()
    yield head.replace(path, "/api/v1/sessions/%FF/channel").encode()
    yield head.replace(path, "/elsewhere").encode()


TARGETS = (
    Target(
        "api.connection",
        _connection,
        _connection_corpus,
        ("services.gateway.http.bodies:DecodedRequest.json",),
        frozenset(
            {"400", "401", "403", "404", "405", "412", "413", "422", "500", "503", "no_answer"}
        ),
        slow="each input passes the whole API",
    ),
)
