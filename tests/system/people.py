"""The people of the system tests: who signs in, what they carry, and what they find."""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.api.trust import trusted_context
from stack.demo.programs import RunningProgram, meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.site import Site

PATIENCE_SECONDS = 60.0
BLOCK_BYTES = 4096


def environment(site: Site, home: Path) -> dict[str, str]:
    """The variables of somebody who works with *site* and keeps their profile in *home*."""
    return {
        "MERIDIAN_HOME": str(home),
        "MERIDIAN_SITE": ",".join(site.gateway_urls),
        "MERIDIAN_CA_FILE": str(site.ca_file),
        "MERIDIAN_PASSWORD_FILE": str(site.layout.admin_password_file),
        "COLUMNS": "200",
    }


async def signed_in(site: Site, home: Path) -> dict[str, str]:
    """Somebody who has signed in as the administrator."""
    env = environment(site, home)
    await run(*meridian("login", "admin"), env=env)
    return env


async def run_meridian(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command and give its exit code and everything it said."""
    program = await RunningProgram.start("meridian", *meridian(*arguments), env=env)
    return await program.finished()


@dataclass
class Api:
    """The front doors as a program calls them; another one when one does not answer."""

    clients: list[httpx.AsyncClient]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer to a request that goes well."""
        for client in self.clients:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.request(method, path, json=body)
                assert answer.is_success, answer.text
                return answer.json()
        raise AssertionError("no front door answers")


@asynccontextmanager
async def calling(site: Site) -> AsyncGenerator[Api]:
    """The administrator's program."""
    body = {"username": "admin", "password": site.admin_password}
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"{url}/api/v1",
                    verify=trusted_context(str(site.ca_file)),
                    timeout=30.0,
                )
            )
            for url in site.gateway_urls
        ]
        for client in clients:
            answer = await client.post("/login", json=body)
            client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield Api(clients)


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for *condition*; a test that waits in vain fails with a time-out."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def reachable(port: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something on loopback listens on *port*."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


@dataclass
class Talk:
    """Numbered blocks sent through a session and echoed by the customer's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    echoed: int = 0
    longest_pause: float = 0.0
    wrong: list[int] = field(default_factory=list[int])

    async def run(self, stop: asyncio.Event) -> None:
        """Send a block, wait for its echo, compare; until *stop*."""
        last = time.monotonic()
        for number in itertools.count():
            if stop.is_set():
                return
            block = number.to_bytes(8, "big") + os.urandom(BLOCK_BYTES - 8)
            self.writer.write(block)
            if await self.reader.readexactly(BLOCK_BYTES) != block:
                self.wrong.append(number)
            now = time.monotonic()
            self.longest_pause, last = max(self.longest_pause, now - last), now
            self.echoed += 1
            await asyncio.sleep(0.01)


@asynccontextmanager
async def talking(env: dict[str, str]) -> AsyncGenerator[tuple[Carried, Talk]]:
    """A session with a talk that goes on for as long as the block runs, and is whole in the end."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    carried = await Carried.open(port, free_port(), env)
    reader, writer = await asyncio.open_connection("127.0.0.1", carried.port)
    talk, stop = Talk(reader, writer), asyncio.Event()
    running = asyncio.create_task(talk.run(stop))
    try:
        await until(lambda: talk.echoed > 10 or running.done())
        yield carried, talk
        stop.set()
        await asyncio.wait_for(running, PATIENCE_SECONDS)
        assert not talk.wrong
    finally:
        running.cancel()
        writer.close()
        await carried.stop()
        server.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
