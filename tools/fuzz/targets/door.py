# pyright: reportPrivateUsage=false
"""The front door: bytes of a connection through the server's own parser to the routes and back."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import Any, cast

import uvicorn
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.gateway.app import build_api
from services.gateway.core.proofs import Answered, judged
from services.gateway.routes.backup import passphrase
from services.gateway.routes.bodies import _require_small
from services.gateway.routes.channel import _listen
from services.gateway.routes.door import expected_revision
from services.gateway.routes.history import Wanted as HistoryWanted
from services.gateway.routes.status_history import Wanted as StatusWanted
from shared.crypto.nodekeys import verify
from shared.crypto.tokens import issue_token
from shared.decoding.model import decode_model
from shared.documents import SITE_ID, Kind
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.events.replication import FollowerProgressed, FollowerState
from shared.events.session import SessionState
from tests.fakes.house import House, make_house
from tools.fuzz.declared import example
from tools.fuzz.held import finished
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts
from tools.fuzz.targets.crypto import KEY

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
    api, escaped = build_api(make_house().door), list[BaseException]()

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


def _house() -> House:
    """A gateway as of its start, with one session."""
    house = make_house()
    house.site.write(Kind.SITE, SITE_ID, {"name": "site"})
    house.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "eu"})
    state = SessionState.model_validate({**example(SessionState), "session": SESSION})
    finished(house.sessions.create(state))
    house.door.view.learned(state)
    finished(house.door.directory.read())
    return house


def _tokens(house: House, data: bytes) -> bytes:
    """*data* with true tokens where it names them."""
    for name, claims in (
        (b"{admin}", {"kind": "access", "user": "admin", "role": "administrator"}),
        (b"{rita}", {"kind": "access", "user": "rita", "role": "representative"}),
        (b"{end}", {"kind": "endpoint", "session": SESSION, "side": "customer"}),
    ):
        if name in data:
            secret = house.door.accounts._secret
            data = data.replace(name, issue_token(secret, claims, FOREVER).encode())
    return data


def _door(data: bytes) -> object:
    """What comes over one connection, in two pieces, then its end."""
    return finished(_served(_house(), data))


async def _served(house: House, data: bytes) -> object:
    api, config, escaped = _server()
    escaped.clear()
    api.state.door = house.door
    state, wire = ServerState(), Wire()
    loop = asyncio.get_running_loop()
    wire.protocol = HttpToolsProtocol(config, state, {}, loop)
    wire.protocol.connection_made(cast("asyncio.Transport", wire))
    request, frames = parts(_tokens(house, data), 2)
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


def _door_corpus() -> Iterable[bytes]:
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
    for path, methods in sorted(build_api(make_house().door).openapi()["paths"].items()):
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
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n" + "\r\n".join((*upgrade, token)) + "\r\n\r\n"
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


def _headers(data: bytes) -> object:
    """Headers and parameters that routes read themselves; the first part says which."""
    which, rest = parts(data, 2)
    text = rest.decode("latin-1")
    readers: dict[bytes, Callable[[], object]] = {
        b"match": lambda: expected_revision(text),
        b"none": lambda: expected_revision(None, text),
        b"length": lambda: _require_small(_with_header(b"content-length", rest)),
        b"chunked": lambda: _require_small(_with_header(b"transfer-encoding", rest)),
        b"log": lambda: decode_model(HistoryWanted, rest).as_question(),
        b"status": lambda: decode_model(StatusWanted, rest).as_question(),
        b"phrase": lambda: passphrase(text),
    }
    return readers.get(which, passphrase)()


def _with_header(name: bytes, value: bytes) -> Request:
    return Request({"type": "http", "headers": [(name, value)]})


def _headers_corpus() -> Iterable[bytes]:
    texts = (
        b"",
        b"7",
        b'"7"',
        b'W/"7"',
        b"*",
        b"x",
        b"-1",
        b"9" * 40,
        b"\xff",
        b"AAEC",
        b"/w==",
        b"70000",
        b"\xb2",
    )
    for which in (b"match", b"none", b"length", b"chunked", b"phrase", b""):
        yield from after(which, texts)
    wanted = {"limit": 5, "before": "1.2", "since_unix_ms": 1}
    yield from after(b"log", varied(wanted))
    yield from after(b"status", varied(wanted))
    yield joined(b"status", encoded({"before": "1.x-y"}))


class Socket:
    """A WebSocket on which *messages* come, and then its end."""

    def __init__(self, messages: list[bytes]) -> None:
        self.messages = messages
        self.sent: list[str] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            return {"type": "websocket.disconnect", "code": 1000}
        message = self.messages.pop(0)
        if message.startswith(b"\xff"):
            return {"type": "websocket.receive", "bytes": message}
        return {"type": "websocket.receive", "text": message.decode("utf-8", "replace")}

    async def send_text(self, text: str) -> None:
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.sent.append(f'"code":"closed {code}","reason":"{reason}"')


def _channel(data: bytes) -> object:
    """Messages of an endpoint, apart by a line feed; refusals go back to it."""
    house, socket = _house(), Socket(data.split(b"\n"))
    with suppress(WebSocketDisconnect):  # its end is no news
        finished(_listen(cast("WebSocket", socket), house.door, SESSION, Side.CUSTOMER))
    for text in socket.sent:
        raise Dropped(text.partition('"code":"')[2].partition('"')[0])
    return None


def _channel_corpus() -> Iterable[bytes]:
    yield from varied({"type": "need_paths"})
    yield from varied({"type": "waits_at", "generation": 1, "node": "berlin"})
    yield from varied({"type": "waits_at", "generation": 1, "node": "alpha"})
    yield from varied({"type": "close", "reason": "x"})
    yield from (
        encoded({"type": "close"}),
        b"x" * 5_000,
        b'{"type":"need_paths"}\n' * 3,
        b"\xff\xff",
    )


def _proofs(data: bytes) -> object:
    """What a follower says of its position."""
    said = decode_model(FollowerProgressed, data)
    if said.signature == "true":  # what the node itself would sign of this
        said = said.model_copy(update={"signature": KEY.sign(said.progress_bytes()).hex()})
    keys = {NodeId("alpha"): KEY.public_b64}
    (proof,) = judged([Answered(NodeId("alpha"), said)], keys, verify)
    if not proof.ok:
        raise Dropped(proof.code)
    return proof


def _proofs_corpus() -> Iterable[bytes]:
    for state in FollowerState:
        for signature in ("true", "00", "no hex"):
            told = {**example(FollowerProgressed), "state": state, "signature": signature}
            yield encoded(told)
    yield from varied(example(FollowerProgressed))


TARGETS = (
    Target(
        "door.connection",
        _door,
        _door_corpus,
        ("services.gateway.routes.bodies:DecodedRequest.json",),
        frozenset(
            {"400", "401", "403", "404", "405", "412", "413", "422", "500", "503", "no_answer"}
        ),
        slow="each input passes the whole front door",
    ),
    Target(
        "door.headers",
        _headers,
        _headers_corpus,
        (
            *(
                "services.gateway.routes.door:expected_revision",
                "services.gateway.routes.backup:passphrase",
            ),
            *("services.gateway.routes.bodies:_require_small",),
            *("services.gateway.routes.history:Wanted.as_question",),
            *("services.gateway.routes.status_history:Wanted.as_question",),
        ),
        frozenset(
            {
                *("invalid_change", "too_large", "bad_shape", "bad_syntax", "not_text"),
                *("number_out_of_range", "too_deep"),
            }
        ),
    ),
    Target(
        "door.channel",
        _channel,
        _channel_corpus,
        (
            *("services.gateway.routes.channel:_listen", "services.gateway.routes.channel:_obey"),
            "services.gateway.routes.channel:_named",
        ),
        frozenset({"undecodable", "not_found", "closed 1009"}),
        slow="each input gets a gateway of its own",
    ),
    Target(
        "door.proofs",
        _proofs,
        _proofs_corpus,
        ("services.gateway.core.proofs:_is_signed",),
        frozenset(
            {
                *("diverged", "log_lost", "not_following"),
                *("bad_signature", "bad_shape", "bad_syntax", "not_text", "number_out_of_range"),
                "too_deep",
            }
        ),
    ),
)
