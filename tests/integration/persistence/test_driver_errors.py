"""Every error of the database's driver ends a connection, never more.

The server's answers pass through a proxy that puts other bytes among them: what a server that is
restarted under load leaves half written, and what one that is out of step would send.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from random import Random

import pytest

from shared.domain.errors import StoreUnavailable
from shared.persistence import pool
from shared.persistence.pool import Database
from tests.integration.servers import PostgresServer

pytestmark = pytest.mark.integration

TYPES = b"RSKZTDCEI123tnsNAGHWdcvx\0\xff"
"""The types of a server's messages, and some that there are not."""


@dataclass
class Meddler:
    """Carries connections to PostgreSQL; puts *extra* into the server's next bytes, once."""

    target: int
    chance: Random
    extra: bytes = b""
    ends: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.ends |= {writer, far_writer}
        await asyncio.gather(
            self._one_way(reader, far_writer, meddles=False),
            self._one_way(far_reader, writer, meddles=True),
        )

    async def _one_way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, meddles: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(self._meddle(data) if meddles else data)
                await writer.drain()
            writer.write_eof()

    def _meddle(self, data: bytes) -> bytes:
        extra, self.extra = self.extra, b""
        place = self.chance.choice((0, len(data), self.chance.randrange(len(data) + 1)))
        return data[:place] + extra + data[place:]


@contextlib.asynccontextmanager
async def meddler(server: PostgresServer, seed: int) -> AsyncGenerator[tuple[Meddler, int]]:
    """A meddler before *server*, and its port."""
    made = Meddler(server.port, Random(seed))
    tasks = set[asyncio.Task[None]]()

    def on_arrival(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(made.carry(reader, writer)))

    listening = await asyncio.start_server(on_arrival, "127.0.0.1", 0)
    try:
        yield made, int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in made.ends:
            end.close()


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + (len(body) + 4).to_bytes(4, "big") + body


def extras(chance: Random) -> list[bytes]:
    """Messages of every type, whole and empty and cut, and bytes that are none."""
    bodies = (b"", bytes(4), chance.randbytes(60))
    whole = [message(kind, body) for kind in TYPES for body in bodies]
    return [*whole, b"Z\0\0\0\0", chance.randbytes(7), b"D\xff\xff\xff\xff", b"D\x7f\xff\xff\xff"]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_error_of_the_driver_ends_a_connection_and_never_more(
    postgres: PostgresServer, postgres_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "COMMAND_SECONDS", 0.3)
    async with meddler(postgres, seed) as (between, port):
        database = Database(postgres_url.replace(f":{postgres.port}/", f":{port}/"))
        for extra in extras(between.chance):
            await ask(database)  # a new connection where the last one is gone
            between.extra = extra
            with contextlib.suppress(StoreUnavailable):
                await asyncio.wait_for(ask(database), 20)
            between.extra = b""
            with contextlib.suppress(StoreUnavailable):
                await ask(database)  # what came too late for one caller is seen by the next
        await database.close()


async def ask(database: Database) -> None:
    async with database.connection() as connection, connection.transaction():
        await connection.fetch("SELECT generate_series(1, $1::int) AS n, now()", 30)
