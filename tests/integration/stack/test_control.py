"""The socket of a running site, spoken to by its client and by strangers."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.control import Control, Verb, control_in, send_order
from stack.failure import StartFailed

pytestmark = pytest.mark.integration


class Site:
    """Obeys, and has one node."""

    def __init__(self) -> None:
        self.reply: list[tuple[str, str, str | None]] = []

    async def kill(self, node: str, service: str | None) -> tuple[str, ...]:
        return self._obey("kill", node, service)

    async def start(self, node: str, service: str | None) -> tuple[str, ...]:
        return self._obey("start", node, service)

    def _obey(self, verb: str, node: str, service: str | None) -> tuple[str, ...]:
        if node == "paris":
            raise StartFailed("the site has no node 'paris'")
        if node == "strange":
            raise RuntimeError("nobody foresaw this")
        self.reply.append((verb, node, service))
        return (f"{node}.{service or 'relay'}",)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest_asyncio.fixture
async def socket(tmp_path: Path, site: Site) -> AsyncGenerator[Path]:
    path = control_in(tmp_path)
    async with Control(site).listening(path):
        yield path


async def say(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_site_takes_orders_to_kill_and_to_start(socket: Path, site: Site) -> None:
    assert await send_order(socket, Verb.KILL, "berlin", None) == ("berlin.relay",)
    assert await send_order(socket, Verb.START, "berlin", "replication") == ("berlin.replication",)
    assert site.reply == [("kill", "berlin", None), ("start", "berlin", "replication")]


@pytest.mark.parametrize("node", ["paris", "strange"])
async def test_a_refusal_comes_back_and_the_next_one_is_heard(socket: Path, node: str) -> None:
    with pytest.raises(StartFailed, match=r"no node 'paris'|nobody foresaw this"):
        await send_order(socket, Verb.KILL, node, None)
    assert await send_order(socket, Verb.KILL, "berlin", None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"\xff\n",
        b"[" * 60_000 + b"\n",
        b"[" * 200_000,
        b'{"do": "burn", "node": "berlin"}\n',
        b'{"do": "kill"}\n',
        b'{"do": "kill", "node": 7}\n',
        b'{"do": "kill", "node": "berlin", "service": {}}\n',
    ],
)
async def test_whatever_a_caller_says_the_next_one_is_heard(
    socket: Path, site: Site, line: bytes
) -> None:
    answer = b""
    try:
        answer = await say(socket, line)
    except OSError:
        assert len(line) > 65_536, "only a line without an end is left without an answer"
    assert not answer or "refused" in json.loads(answer)
    assert site.reply == []
    assert await send_order(socket, Verb.KILL, "berlin", None)


async def test_nobody_but_its_owner_may_open_it(socket: Path) -> None:
    assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0


async def test_a_socket_that_a_killed_site_left_is_taken_over_and_goes_with_the_site(
    tmp_path: Path, site: Site
) -> None:
    path = control_in(tmp_path)
    path.touch()
    async with Control(site).listening(path):
        assert await send_order(path, Verb.KILL, "berlin", None)
    assert not path.exists()
    with pytest.raises(StartFailed, match="no site runs in"):
        await send_order(path, Verb.KILL, "berlin", None)


async def test_a_folder_with_too_long_a_name_is_reported(tmp_path: Path, site: Site) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with pytest.raises(OSError, match="too long"):
        async with Control(site).listening(control_in(folder)):
            raise AssertionError("nobody can listen there")
