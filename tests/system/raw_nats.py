"""A NATS client that sends whatever bytes it is given, headers included, and checks nothing.

The client library refuses, or repairs, what a hostile member would send. This one writes the
protocol's lines itself, so header blocks need not be UTF-8, nor be headers at all.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

LINE_LIMIT_BYTES: Final = 1 << 20
ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came: the header block with its first line, or nothing."""

    subject: str
    reply: str
    head: bytes
    payload: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The header block read as text, the first line apart."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name: value.strip() for name, _, value in pairs}

    @property
    def status(self) -> str:
        """What stands after `NATS/1.0` in the first line: `503` where nobody listens."""
        return self.head.split(b"\r\n", 1)[0].removeprefix(b"NATS/1.0").decode("latin-1").strip()


def header_block(headers: dict[str, str] | None) -> bytes:
    """The block of *headers*; none at all gives no block."""
    if not headers:
        return b""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"NATS/1.0\r\n" + lines.encode("utf-8", "surrogateescape") + b"\r\n"


@dataclass(eq=False)
class RawNats:
    """One connection; make it by `connected`."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    errors: list[str] = field(default_factory=list[str])
    _queues: dict[int, asyncio.Queue[Received]] = field(
        default_factory=dict[int, "asyncio.Queue[Received]"]
    )
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _pongs: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue[None])
    _inbox: str = field(default_factory=lambda: f"_INBOX.{secrets.token_hex(8)}")

    def send(self, subject: str, payload: bytes, head: bytes = b"", reply: str = "") -> None:
        """Write one message; *head* is the whole header block, in any bytes.

        Bytes of an address that are no text are written as Python escapes them (`\\udcff`).
        """
        addressed = f"{subject} {reply}".rstrip()
        if head:
            line = f"HPUB {addressed} {len(head)} {len(head) + len(payload)}\r\n"
        else:
            line = f"PUB {addressed} {len(payload)}\r\n"
        self.writer.write(line.encode(errors="surrogateescape") + head + payload + b"\r\n")

    async def flush(self) -> None:
        """Wait until the server has taken everything that was sent."""
        await self.writer.drain()
        self.writer.write(b"PING\r\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._pongs.get()

    def subscribe(self, subject: str, queue: str = "") -> "asyncio.Queue[Received]":
        """Hear *subject*, as one of the group *queue* if there is one."""
        number = next(self._numbers)
        heard = self._queues[number] = asyncio.Queue()
        self.writer.write(f"SUB {subject} {queue} {number}\r\n".replace("  ", " ").encode())
        return heard

    async def request(
        self,
        subject: str,
        payload: bytes,
        head: bytes = b"",
        seconds: float = ANSWER_SECONDS,
        below: str = "",
    ) -> Received:
        """The first answer, which comes to an inbox *below* the one that is named.

        Raises:
            TimeoutError: none came within *seconds*.
        """
        number = next(self._numbers)
        inbox = f"{below or self._inbox}.{number}"
        heard = self._queues[number] = asyncio.Queue()
        self.writer.write(f"SUB {inbox} {number}\r\nUNSUB {number} 1\r\n".encode())
        try:
            self.send(subject, payload, head, inbox)
            async with asyncio.timeout(seconds):
                return await heard.get()
        finally:
            del self._queues[number]

    async def jetstream(self, verb: str, body: object = None) -> dict[str, Any]:
        """What JetStream's own interface answers to *verb*, such as `STREAM.INFO.LOG-1`."""
        question = b"" if body is None else json.dumps(body).encode()
        answer = await self.request(f"$JS.API.{verb}", question)
        found: dict[str, Any] = json.loads(answer.payload)
        return found

    async def read(self) -> None:
        """Take what the server sends, until it ends the connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while line := await self.reader.readline():
                await self._take(line.decode("latin-1").split())
                await asyncio.sleep(0)

    async def _take(self, words: list[str]) -> None:
        match words:
            case ["PING"]:
                self.writer.write(b"PONG\r\n")
            case ["PONG"]:
                self._pongs.put_nowait(None)
            case ["MSG", subject, number, *reply, size]:
                payload = await self._bytes(int(size))
                self._hand_on(int(number), Received(subject, "".join(reply), b"", payload))
            case ["HMSG", subject, number, *reply, head_size, size]:
                data, length = await self._bytes(int(size)), int(head_size)
                heard = Received(subject, "".join(reply), data[:length], data[length:])
                self._hand_on(int(number), heard)
            case ["-ERR", *what]:
                self.errors.append(" ".join(what))
            case _:
                pass

    async def _bytes(self, size: int) -> bytes:
        return (await self.reader.readexactly(size + 2))[:-2]

    def _hand_on(self, number: int, message: Received) -> None:
        if number in self._queues:
            self._queues[number].put_nowait(message)


@asynccontextmanager
async def connected(host: str, port: int, user: str, password: str) -> AsyncGenerator[RawNats]:
    """A connection as *user*, closed in the end."""
    reader, writer = await asyncio.open_connection(host, port, limit=LINE_LIMIT_BYTES)
    client = RawNats(reader, writer)
    await reader.readline()  # the server's INFO
    about = {
        "user": user,
        "pass": password,
        "name": "wire-test",
        "lang": "raw",
        "version": "1",
        "protocol": 1,
        "verbose": False,
        "pedantic": False,
        "headers": True,
        "no_responders": True,
    }
    writer.write(b"CONNECT " + json.dumps(about).encode() + b"\r\n")
    reading = asyncio.create_task(client.read())
    try:
        await client.flush()
        yield client
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
