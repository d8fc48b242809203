"""The acceptor under attack from one host, while an honest client asks from another.

Each row opens connections that cost an attacker nothing: requests that are never finished, sockets
that stay silent, WebSockets without a word, bodies that drip. Meanwhile `/healthz` answers new
connections in time, and the gateway's memory stays in bounds. A silent one is only a socket; what
is past its handshake is held by `ssl` directly, so that the attacker needs little memory himself.
"""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import httpx
import psutil

from stack.ports import HOST
from stack.site import Site
from tests.system.people import calling
from tests.system.storm.volley import Row

ATTACKER: Final = "127.0.0.2"
HALVES, SILENT, WEBSOCKETS, DRIPPING = 200, 1_000, 1_000, 200
HOLD_SECONDS: Final = 3.0
ASK_EVERY_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 5.0
"""A whole honest visit: connection, handshake and answer, beside the attack on two cores."""

MOST_BYTES: Final = 50 << 20
CONNECT_SECONDS: Final = 10.0
PING, PONG = 0x89, 0x8A
DESCRIPTORS: Final = 4_096
FEW: Final = 20


@dataclass
class Attack:
    """The connections of one row, and what the honest client and the gateway's memory say."""

    port: int
    process: psutil.Process
    held: list[socket.socket] = field(default_factory=list[socket.socket])
    slowest_seconds: float = 0.0
    asked: int = 0
    upgraded: int = 0
    faults: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.began_bytes = self.peak_bytes = self.process.memory_info().rss

    async def connect(self, attacker: str) -> None:
        """Hold a silent connection; one that is refused is none."""
        self.held.append(await asyncio.to_thread(self._connect, attacker))

    def _connect(self, attacker: str) -> socket.socket:
        return socket.create_connection((HOST, self.port), CONNECT_SECONDS, (attacker, 0))

    async def send(self, attacker: str, request: bytes) -> None:
        """Hold a connection past its handshake that has sent *request*, and answers pings."""
        with contextlib.suppress(OSError):
            connection = await asyncio.to_thread(self._send, attacker, request)
            self.held.append(connection)
            asyncio.get_running_loop().add_reader(connection.fileno(), self._pong, connection)

    def _send(self, attacker: str, request: bytes) -> socket.socket:
        secured = stranger().wrap_socket(self._connect(attacker))
        secured.sendall(request)
        secured.setblocking(False)
        return secured

    def _pong(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(4_096)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            data = b""
        self.upgraded += data.startswith(b"HTTP/1.1 101 ")
        if not data:
            asyncio.get_running_loop().remove_reader(connection.fileno())
        elif data[0] == PING:
            payload = data[2 : 2 + data[1]]
            with contextlib.suppress(OSError):
                connection.send(bytes([PONG, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    async def drip(self) -> None:
        """Send a byte on every connection that still takes one."""
        for each in self.held:
            with contextlib.suppress(OSError):
                each.send(b"x")
        await asyncio.sleep(ASK_EVERY_SECONDS)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self.held:
            loop.remove_reader(each.fileno())
            each.close()

    async def watch(self) -> None:
        """Visit as an honest client again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await visit(self.port)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.faults.append(f"/healthz did not answer in time: {error!r}")
            self.asked += 1
            self.slowest_seconds = max(self.slowest_seconds, loop.time() - began)
            self.peak_bytes = max(self.peak_bytes, self.process.memory_info().rss)
            await asyncio.sleep(ASK_EVERY_SECONDS)

    def judge(self) -> tuple[str, ...]:
        grown = self.peak_bytes - self.began_bytes
        faults = list(dict.fromkeys(self.faults))
        if grown > MOST_BYTES:
            faults.append(f"the gateway's memory grew by {grown / (1 << 20):.0f} MiB")
        if not self.asked:
            faults.append("nobody asked /healthz")
        return tuple(faults)


@cache
def stranger() -> ssl.SSLContext:
    """A client that does not look whom it speaks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def visit(port: int) -> None:
    """Ask `/healthz` over a new connection, from this machine's usual address."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=stranger())
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        if b" 200 " not in status:
            raise ConnectionError(f"/healthz answered {status!r}")
        await reader.read()
    finally:
        writer.transport.abort()


@asynccontextmanager
async def attacked(port: int, process: psutil.Process) -> AsyncGenerator[Attack]:
    """An attack with the honest client beside it."""
    attack = Attack(port, process)
    watching = asyncio.create_task(attack.watch())
    try:
        yield attack
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        attack.close()


async def half_requests(attack: Attack, _upgrade: bytes) -> int:
    for _ in range(HALVES):
        await attack.send(ATTACKER, b"GET /healthz HTTP/1.1\r\nHost: si")
    await asyncio.sleep(HOLD_SECONDS)
    return HALVES


async def silent_connections(attack: Attack, _upgrade: bytes) -> int:
    for _ in range(SILENT):
        await attack.connect(ATTACKER)
    await asyncio.sleep(HOLD_SECONDS)
    return SILENT


async def idle_websockets(attack: Attack, upgrade: bytes) -> int:
    for _ in range(WEBSOCKETS):
        await attack.send(ATTACKER, upgrade)
    await asyncio.sleep(HOLD_SECONDS)
    if not attack.upgraded:
        attack.faults.append("no WebSocket was opened")
    return WEBSOCKETS


async def slow_bodies(attack: Attack, _upgrade: bytes) -> int:
    head = b"POST /api/v1/login HTTP/1.1\r\nHost: site\r\nContent-Length: 60000\r\n\r\n"
    for _ in range(DRIPPING):
        await attack.send(ATTACKER, head + b" " * 50_000)
    for _ in range(int(HOLD_SECONDS / ASK_EVERY_SECONDS)):
        await attack.drip()
    return DRIPPING


ROWS: Final[dict[str, Callable[[Attack, bytes], Awaitable[int]]]] = {
    "half requests": half_requests,
    "silent connections": silent_connections,
    "idle WebSockets": idle_websockets,
    "slow bodies": slow_bodies,
}


async def siege(site: Site) -> AsyncGenerator[Row]:
    """Attack the first master's gateway in every way, and judge each."""
    node = str(site.layout.masters[0].name)
    port, process = site.layout.masters[0].gateway, gateway_process(site, node)
    upgrade = await channel_request(site)
    with many_descriptors():
        for name, act in ROWS.items():
            async with attacked(port, process) as attack:
                sent = await act(attack, upgrade)
            subject = (
                f"{(attack.peak_bytes - attack.began_bytes) / (1 << 20):.1f} MiB, "
                f"/healthz in {attack.slowest_seconds:.2f} s at most"
            )
            yield Row(name, subject, sent, 1, 0, attack.judge())
            await calm(site, node)


async def calm(site: Site, node: str) -> None:
    """Wait until the gateway has ended what the last row left."""
    url = f"http://{HOST}:{site.layout.node(node).services['gateway']}/metrics"
    async with asyncio.timeout(CONNECT_SECONDS), httpx.AsyncClient() as client:
        while _open_connections((await client.get(url)).text) > FEW:
            await asyncio.sleep(ASK_EVERY_SECONDS)


def _open_connections(metrics: str) -> float:
    lines = (line.split() for line in metrics.splitlines())
    return next(float(line[1]) for line in lines if line[:1] == ["meridian_gateway_connections"])


def gateway_process(site: Site, node: str) -> psutil.Process:
    child = site.processes.members[node, "gateway"]
    return psutil.Process(child.pid)


async def channel_request(site: Site) -> bytes:
    """The request for a control channel of a session that is open."""
    async with calling(site) as api:
        credentials = await api.call("POST", "/sessions")
    return (
        f"GET /api/v1/sessions/{credentials['session']}/channel HTTP/1.1\r\nHost: site\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
        f"Authorization: Bearer {credentials['endpoint_token']}\r\n\r\n"
    ).encode()


@contextlib.contextmanager
def many_descriptors() -> Generator[None]:
    """Let this process open as many sockets as an attacker would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, DESCRIPTORS)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
