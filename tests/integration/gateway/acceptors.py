"""An acceptor with an application of its own, and clients that speak to it byte by byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from services.gateway.acceptor.acceptor import AcceptorSetting, HttpsAcceptor
from services.gateway.acceptor.asgi import GuardedApi, Message, Receive, Send
from services.gateway.acceptor.certificate import write_certificate
from services.gateway.acceptor.core.limits import ConnectionLimits, PaceRule, Refusal
from services.gateway.acceptor.refusals import Refusals
from shared.crypto.authority import make_authority
from shared.crypto.join import AUTHORITY_FILE, AUTHORITY_KEY_FILE
from shared.domain.source import Networks
from shared.runtime.clock import SystemClock
from shared.runtime.listening import ListenSetting, open_listeners
from tests.fakes.containment import contained

HONEST: Final = "127.0.0.1"
ATTACKER: Final = "127.0.0.2"
PATIENCE_SECONDS: Final = 10.0
BIG_BYTES: Final = 8 << 20

QUICK: Final = ConnectionLimits(
    connections=600,
    connections_per_source=500,
    greeting_seconds=0.3,
    handshake_seconds=0.3,
    header_seconds=0.3,
    idle_seconds=0.6,
    body=PaceRule(1_024, 0.3),
    answer=PaceRule(1_024, 0.3),
    unwanted_seconds=0.3,
    closing_seconds=0.3,
    sweep_seconds=0.05,
)
"""Limits of which a test can wait for each."""

HEALTH: Final = b"GET /healthz HTTP/1.1\r\nHost: site\r\n\r\n"


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with the client's address, or with what the path asks for."""
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    size = 0
    if scope["path"] != "/unread":
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message.get("more_body"):
                break
    body = b"x" * BIG_BYTES if scope["path"] == "/big" else f"{scope['client'][0]} {size}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _echo(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@dataclass
class OpenAcceptor:
    """An acceptor that is served, and the ways in."""

    acceptor: HttpsAcceptor
    port: int
    registry: CollectorRegistry
    tls: ssl.SSLContext
    streams: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    def refused(self, reason: Refusal) -> int:
        """How many connections were ended for *reason*."""
        name = "meridian_gateway_refused_total"
        return int(self.registry.get_sample_value(name, {"reason": reason.value}) or 0)

    @property
    def open(self) -> int:
        return int(self.registry.get_sample_value("meridian_gateway_connections") or 0)

    async def connect(
        self, address: str = HONEST, *, tls: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect from *address*."""
        reader, writer = await asyncio.open_connection(
            HONEST, self.port, local_addr=(address, 0), ssl=self.tls if tls else None
        )
        self.streams.append(writer)
        return reader, writer

    async def connect_silently(self, count: int, address: str = ATTACKER) -> None:
        """Open *count* connections that send nothing."""
        for _ in range(count):
            with contextlib.suppress(OSError):
                await self.connect(address, tls=False)

    async def ask(self, request: bytes = HEALTH, address: str = HONEST) -> tuple[int, bytes]:
        """Send *request* on a connection of its own; return the answer's status and all of it."""
        reader, writer = await self.connect(address)
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await read_answer(reader)
        writer.close()
        return answer


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer with its length; status 0 when the connection ends without."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if b"content-length" in line)
        return int(head.split()[1]), head + await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        return 0, b""


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Read until the connection ends, by whatever end."""
    data = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(OSError):
            while part := await reader.read(65_536):
                data += part
    return data


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def write_authority(folder: Path) -> ssl.SSLContext:
    """Write an authority's files into *folder*; return a client's context that trusts it."""
    authority, key = make_authority("site")
    (folder / AUTHORITY_FILE).write_bytes(authority)
    (folder / AUTHORITY_KEY_FILE).write_bytes(key)
    context = ssl.create_default_context(cadata=authority.decode())
    context.check_hostname = False
    return context


@asynccontextmanager
async def opened(
    folder: Path,
    limits: ConnectionLimits = QUICK,
    *,
    app: Any = application,
    hosts: tuple[str, ...] = ("127.0.0.1",),
    site: str = "site.example",
    **networks: Networks,
) -> AsyncGenerator[OpenAcceptor]:
    """An acceptor of *app* on a free port."""
    tls = write_authority(folder)
    listen = ListenSetting("the gateway", "MERIDIAN_GATEWAY", hosts, 0, 1_024)
    certificate = write_certificate(folder, ("localhost",))
    setting = AcceptorSetting(listen, certificate, limits=limits, **networks)
    guarded = GuardedApi(app, setting.trusted, site)
    registry, clock, containment = CollectorRegistry(), SystemClock(), contained()
    acceptor = HttpsAcceptor(guarded, setting, Refusals(registry, clock), clock, containment)
    sockets = open_listeners(replace(listen, port=0))
    port = sockets[0].getsockname()[1]
    acceptor.open(sockets)
    serving = asyncio.create_task(acceptor.serve())
    here = OpenAcceptor(acceptor, port, registry, tls)
    try:
        yield here
    finally:
        for writer in here.streams:
            writer.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await containment.finished()
        await asyncio.gather(*(each.wait_closed() for each in here.streams), return_exceptions=True)
