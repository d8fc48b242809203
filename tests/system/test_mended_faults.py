"""Faults of one receiver, path or process that cost more than that in an earlier commit."""

import asyncio
import itertools
import json
import os
import signal
from asyncio import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.system.black_box import BlackBox, interpreter, kill, tree, until
from tests.system.disposable import Sites
from tests.system.mended import FaultShown, require

NOWHERE: Final = "http://127.0.0.1:80800/"
"""No port has that number."""

WATCHED_SECONDS: Final = 5.0
BACK_SECONDS: Final = 20.0
AWAY_SECONDS: Final = 5.0
DIALLED_SECONDS: Final = 20.0
SESSION: Final = "1234567"
UNDIALLABLE: Final = ("relay..example.com", "a" * 64 + ".example.com", "\u202erelay.example", ".")


class Receiver:
    """A program outside that takes every event."""

    def __init__(self) -> None:
        self.taken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = head.partition("content-length:")[2].split("\r\n")[0]
        await reader.readexactly(int(length))
        self.taken += 1
        writer.write(b"HTTP/1.1 204 Thanks\r\nConnection: close\r\n\r\n")
        writer.close()


async def applied(site: BlackBox, home: Path, documents: dict[str, Any]) -> tuple[int, str]:
    file = home / "site.yaml"
    file.write_text(json.dumps(documents))
    return await site.command("apply", "-f", str(file), home=home)


@pytest.mark.mends(sign="process ended")
async def test_a_webhook_to_a_port_that_cannot_be_ends_no_service(
    sites: Sites, tmp_path: Path
) -> None:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    good = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with sites.disposable() as site, server:
        code, words = await site.command("login", "admin", home=tmp_path)
        assert code == 0, words
        code, words = await applied(site, tmp_path, {"webhooks": {"good": {"url": good}}})
        assert code == 0, words
        before = await asyncio.to_thread(site.pids)

        names = (f"Day {number}" for number in itertools.count())

        async def is_delivered() -> bool:
            team = {"display_name": next(names)}
            code, words = await applied(site, tmp_path, {"teams": {"day": team}})
            assert code == 0, words
            return receiver.taken > 0

        assert await until(is_delivered, BACK_SECONDS), "the webhook is told while it is alone"
        await applied(site, tmp_path, {"webhooks": {"bad": {"url": NOWHERE}}})
        receiver.taken = 0
        await is_delivered()
        await site.stays_whole(before, WATCHED_SECONDS)
        assert await until(is_delivered, BACK_SECONDS), "the other webhook is told"


@pytest.mark.mends(sign="process ended")
async def test_a_service_that_was_killed_comes_back_and_a_node_killed_on_purpose_does_not(
    sites: Sites, tmp_path: Path
) -> None:
    async with sites.disposable() as site:
        before = await asyncio.to_thread(site.pids)
        relay = before["berlin.relay"]
        os.kill(relay, signal.SIGKILL)

        async def is_back() -> bool:
            now = await asyncio.to_thread(site.pids)
            return now.get("berlin.relay") not in {None, relay}

        back = await until(is_back, BACK_SECONDS)
        require(back, "process ended", "the relay of berlin was not started again")
        assert any("berlin.relay was ended by SIGKILL" in line for line in site.lines)
        code, words = await site.command("login", "admin", home=tmp_path)
        assert code == 0, words
        assert await until(lambda: _status_says(site, tmp_path, "relay ended uncleanly once"), 20)
        await _killed_on_purpose(site, tmp_path)


async def _killed_on_purpose(site: BlackBox, home: Path) -> None:
    code, words = await site.command("up", "kill", "tokyo", home=home)
    assert (code, words.strip()) == (0, "killed tokyo.relay, tokyo.replication")

    async def runs_something() -> bool:
        return any(name.startswith("tokyo.") for name in await asyncio.to_thread(site.pids))

    assert not await until(runs_something, AWAY_SECONDS)
    code, words = await site.command("up", "start", "tokyo", home=home)
    assert (code, words.strip()) == (0, "started tokyo.relay, tokyo.replication")

    async def is_ready() -> bool:
        return not {"tokyo.relay", "tokyo.replication"} & (await site.unready()).keys()

    assert await until(is_ready, BACK_SECONDS)


async def _status_says(site: BlackBox, home: Path, words: str) -> bool:
    return words in (await site.command("status", home=home))[1]


@asynccontextmanager
async def gateway(paths: list[dict[str, Any]]) -> AsyncGenerator[str]:
    """A front door that knows one session, and offers its representative *paths*."""

    async def talk(socket: ServerConnection) -> None:
        state = {"type": "state", "phase": "active", "ends": ["representative", "customer"]}
        await socket.send(json.dumps(state))
        await socket.send(json.dumps({"type": "paths", "paths": paths}))
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def representative(url: str, home: Path) -> AsyncGenerator[subprocess.Process]:
    """`meridian connect` for the session, with the leave that somebody opened it with."""
    credentials = {"session": SESSION, "endpoint_token": "t", "gateways": [url]}
    folder = home / "sessions"
    folder.mkdir()
    (folder / f"{SESSION}.json").write_text(json.dumps({**credentials, "expires_unix_ms": 10**13}))
    process = await subprocess.create_subprocess_exec(
        interpreter(tree()),
        *("-m", "clients.cli", "connect", "--key", f"{SESSION}-lusab-rodim"),
        *("--listen", "127.0.0.1:0", "--json"),
        cwd=tree(),
        env={**os.environ, "MERIDIAN_HOME": str(home), "MERIDIAN_SITE": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        await kill(process)


@pytest.mark.mends(sign="reply wrong")
async def test_an_address_that_is_no_host_name_is_a_failed_path_and_the_others_are_dialled(
    tmp_path: Path,
) -> None:
    dialled = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            dialled.set()
        writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        hosts = [*((host, 9_000) for host in UNDIALLABLE), ("127.0.0.1", port)]
        paths = [
            {"node": f"n{number}", "host": host, "port": at, "generation": number, "ticket": "t"}
            for number, (host, at) in enumerate(hosts, start=1)
        ]
        async with gateway(paths) as url, representative(url, tmp_path) as process:
            failed = await _failed_paths(process, len(UNDIALLABLE))
            async with asyncio.timeout(DIALLED_SECONDS):
                await dialled.wait()
    missing = {f"n{number}" for number in range(1, len(UNDIALLABLE) + 1)} - failed.keys()
    if missing:
        raise FaultShown("reply wrong", f"it never says that {sorted(missing)} cannot be dialled")
    assert all("no host name" in reason for reason in failed.values()), failed


async def _failed_paths(process: subprocess.Process, count: int) -> dict[str, str]:
    """The paths that the program says to have failed, with the reason, until so many have."""
    assert process.stdout is not None
    failed: dict[str, str] = {}
    try:
        async with asyncio.timeout(DIALLED_SECONDS):
            while len(failed) < count and (line := await process.stdout.readline()):
                event = json.loads(line)
                if event["event"] == "path_failed":
                    failed[event["node"]] = event["reason"]
    except TimeoutError:
        pass
    return failed
