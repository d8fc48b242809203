"""Ends the serving of requests so that none gets a wrong answer because the gateway stops.

From the stop on, a new request is refused with 503 `stopping`. A request in flight has
`GRACE_SECONDS` to be answered as ever; what has no answer by then is handed back: the same 503,
with `Retry-After` and the `Idempotency-Key` under which another gateway makes the change once. So
every change has a key from its beginning, its caller's or one that is drawn here. An answer that
has begun cannot become another one: its connection is closed, and its receiver sees that it is not
whole.

A WebSocket's handler is told that its peer left, finishes what it does, and the socket is closed
with 1012 (service restart, RFC 6455 registry); the endpoint connects to another gateway.
"""

import asyncio
import secrets
from collections.abc import Callable, Generator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.problems import answer_to
from shared.api.channel import CloseCode
from shared.domain.errors import Stopping

GRACE_SECONDS: Final = 3.0
"""How long a request in flight may take after the stop; a change takes milliseconds."""

REFUSED_SECONDS: Final = 1
"""When to try again: at once, elsewhere; here, when the process has been started again."""

KEY: Final = b"idempotency-key"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNAVAILABLE: Final = 503

DrawKey = Callable[[], str]


class RequestsInFlight:
    """The requests and sockets that are served now, and whether the gateway is stopping."""

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self._is_stopping = False
        self._grace_seconds = grace_seconds
        self._answering = 0
        self._served: set[asyncio.Timeout] = set()
        self._receiving: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    def is_stopping(self) -> bool:
        """Say whether the gateway was told to stop; it can change while something is awaited."""
        return self._is_stopping

    async def end(self) -> None:
        """Take no more requests, and wait until every one in flight has its answer."""
        self._is_stopping = True
        now = asyncio.get_running_loop().time()
        for each in self._receiving:
            each.reschedule(now)
        for each in self._served:
            each.reschedule(now + self._grace_seconds)
        if self._answering:
            await self._idle.wait()

    @contextmanager
    def answering(self) -> Generator[None]:
        """Count a request until its answer is sent, whichever it is."""
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            if self._is_stopping and not self._answering:
                self._idle.set()

    @contextmanager
    def serving(self, limit: asyncio.Timeout) -> Generator[None]:
        """Count a request as being served; *limit* ends that when the grace is over."""
        self._served.add(limit)
        try:
            yield
        finally:
            self._served.discard(limit)

    @contextmanager
    def receiving(self, limit: asyncio.Timeout) -> Generator[None]:
        """Count a socket as waiting for its peer; *limit* ends the wait at the stop."""
        self._receiving.add(limit)
        try:
            yield
        finally:
            self._receiving.discard(limit)


class GracefulStop:
    """The outermost layer of the application: it answers for every request that a stop meets."""

    def __init__(
        self,
        app: ASGIApp,
        requests: RequestsInFlight,
        draw_key: DrawKey = secrets.token_hex,
    ) -> None:
        self._app = app
        self._requests = requests
        self._draw_key = draw_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        with self._requests.answering():
            match scope["type"]:
                case "http":
                    await self._serve_request(scope, receive, send)
                case "websocket":
                    await self._serve_socket(scope, receive, send)
                case _:
                    await self._app(scope, receive, send)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope, key = with_key(scope, self._draw_key)
        answer = _Answer(send, key)
        if not self._requests.is_stopping():
            try:
                await self._serve(scope, receive, answer.send)
            except Exception:  # the grace is over, or the stop took away what the request needs
                if not self._requests.is_stopping() or answer.has_begun:
                    raise
            else:
                return
        await _refusal(key)(scope, receive, answer.send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = _Socket(receive, send, self._requests)
        if self._requests.is_stopping():
            await socket.deny(scope)
            return
        try:
            await self._serve(scope, socket.receive, socket.send)
        except Exception:
            if not self._requests.is_stopping():
                raise
        if self._requests.is_stopping():
            await socket.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(None) as limit:
            with self._requests.serving(limit):
                await self._app(scope, receive, send)


class _Answer:
    """The answer to one request; one that asks its receiver to come again names its *key*."""

    def __init__(self, send: Send, key: str) -> None:
        self.has_begun = False
        self._send = send
        self._key = key

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            if message["status"] == UNAVAILABLE and self._key:
                key = (KEY, self._key.encode("latin-1"))
                message = {**message, "headers": [*message.get("headers", ()), key]}
        await self._send(message)


class _Socket:
    """One WebSocket, between its server and its handler."""

    def __init__(self, receive: Receive, send: Send, requests: RequestsInFlight) -> None:
        self._receive = receive
        self._send = send
        self._requests = requests
        self._is_open = False

    async def receive(self) -> Message:
        """Return what comes next; at a stop, that the peer left."""
        if not self._is_open:
            return await self._receive()
        if not self._requests.is_stopping():
            with suppress(TimeoutError):
                async with asyncio.timeout(None) as limit:
                    with self._requests.receiving(limit):
                        message = await self._receive()
                self._is_open = message["type"] != "websocket.disconnect"
                return message
        return {"type": "websocket.disconnect", "code": CloseCode.STOPPING.value}

    async def send(self, message: Message) -> None:
        self._is_open = message["type"] in {"websocket.accept", "websocket.send"}
        await self._send(message)

    async def close(self) -> None:
        """Close a socket that its handler left open."""
        if self._is_open:
            reason = "this gateway is stopping: connect to another one"
            with suppress(RuntimeError, OSError):  # the peer may have gone meanwhile
                await self.send(
                    {"type": "websocket.close", "code": CloseCode.STOPPING.value, "reason": reason}
                )

    async def deny(self, scope: Scope) -> None:
        """Refuse a handshake as any other request; with a plain close where a server cannot."""
        if "websocket.http.response" not in scope.get("extensions", {}):
            await self._send({"type": "websocket.close", "code": CloseCode.STOPPING.value})
            return
        await _refusal("")(scope, self._receive, self._send)


def with_key(scope: Scope, draw: DrawKey) -> tuple[Scope, str]:
    """Return *scope* with the key of its change, its caller's or a drawn one; none for a reader."""
    if scope["method"] in READING:
        return scope, ""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    for name, value in headers:
        if name == KEY and value:
            return scope, value.decode("latin-1")
    key = draw()
    named: MutableMapping[str, Any] = dict(scope)
    named["headers"] = [*(each for each in headers if each[0] != KEY), (KEY, key.encode())]
    return named, key


def _refusal(key: str) -> Response:
    """Make the answer to a request that this gateway does not serve any more."""
    sentence = "this gateway is stopping: ask another one"
    named = {"idempotency_key": key} if key else {}
    if key:
        sentence += f", with Idempotency-Key {key}: a change is made once under one key"
    answer = answer_to(Stopping(sentence, retry_after_seconds=REFUSED_SECONDS, **named))
    answer.headers["Connection"] = "close"
    return answer
