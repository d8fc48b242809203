"""Sessions that run while an end sleeps, their node changes, or their opener is signed out."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from clients.site.profile import Profile
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.crypto.tokens import issue_token
from shared.domain.ids import UnixMillis
from stack.demo.programs import RunningProgram, meridian
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.nats import reader_environment
from tests.system.people import Talk, run_meridian, talking, until
from tests.system.sick_site import SickSite

TOKEN_SECONDS = 20.0
ASLEEP_SECONDS = 60.0
AFTER_SECONDS = 30.0
QUIET_SECONDS = 10.0
WORDS = b"over the session"
NOBODY = "127.0.0.66"
"""An address of this machine at which no relay listens."""


async def goes_on(talk: Talk, seconds: float = AFTER_SECONDS) -> None:
    """Wait for a hundred more blocks, each echoed as it was sent."""
    before = talk.echoed
    await until(lambda: talk.echoed > before + 100, seconds)
    assert talk.wrong == []


async def test_an_access_token_that_ends_in_mid_stream_ends_no_session_and_is_reported(
    sick_site: SickSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sick_site.well()
    layout = sick_site.site.layout
    env = {**sick_site.env, "MERIDIAN_HOME": str(tmp_path)}
    code, words = await run_meridian(env, "login", "admin")
    assert code == 0, words
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))
    profile = Profile.load()
    secret = SiteSecret.load(layout.node_folder("alpha") / SECRET_FILE)
    ends = UnixMillis(int((time.time() + TOKEN_SECONDS) * 1e3))
    profile.token = issue_token(
        secret, {"kind": "access", "user": "admin", "role": "administrator"}, ends
    )
    profile.save()
    async with talking(env) as (carried, talk):
        while time.time() * 1e3 < ends + 1e3:
            await goes_on(talk)
        code, words = await run_meridian(env, "status")
        assert code != 0
        assert "sign in" in words, words
        await goes_on(talk)
        assert carried.alive
        code, words = await run_meridian(env, "login", "admin")
        assert code == 0, words
        code, words = await run_meridian(env, "session", "list")
        assert code == 0, words
        assert carried.session in words


async def test_an_address_that_is_changed_leaves_running_sessions_where_they_are(
    sick_site: SickSite,
) -> None:
    await sick_site.well()
    api = sick_site.api
    async with talking(sick_site.env) as (carried, talk):
        node = carried.node
        document = (await api.call("GET", f"/nodes/{node}"))["body"]
        address = {**document["public_address"], "host": NOBODY}
        moved = {**document, "public_address": address}
        await api.call("PUT", f"/nodes/{node}", moved)
        try:
            await goes_on(talk)
            await asyncio.sleep(QUIET_SECONDS)
            await goes_on(talk)
            assert talk.longest_pause < QUIET_SECONDS
            async with talking(sick_site.env) as (other, more):
                await goes_on(more)
                assert other.node != node, "nobody reaches it at its new address"
        finally:
            await api.call("PUT", f"/nodes/{node}", document)
        await goes_on(talk)
    await sick_site.well()


async def test_a_node_that_is_deleted_loses_no_byte_of_its_sessions_and_may_come_back(
    sick_site: SickSite,
) -> None:
    await sick_site.well()
    api = sick_site.api
    async with talking(sick_site.env) as (carried, talk):
        node = carried.node
        document = (await api.call("GET", f"/nodes/{node}"))["body"]
        await api.call("DELETE", f"/nodes/{node}")
        try:
            await goes_on(talk)
            await asyncio.sleep(QUIET_SECONDS)
            await goes_on(talk)
            assert talk.longest_pause < QUIET_SECONDS
            status = await api.call("GET", "/status")
            assert node not in {each["node"] for each in status["nodes"]}
        finally:
            await api.call("PUT", f"/nodes/{node}", document)
        await goes_on(talk)
    await sick_site.well()
    rows = await api.call("POST", "/sync", {})
    assert {each["state"] for each in rows} == {"following"}, rows


@pytest.mark.parametrize("end", ["share", "connect"])
async def test_an_end_that_sleeps_for_a_minute_costs_its_streams_and_the_session_goes_on(
    sick_site: SickSite, end: str
) -> None:
    await sick_site.well()
    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        carried = await Carried.open(port, free_port(), sick_site.env)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", carried.port)
            assert await echoed(reader, writer) == WORDS
            asleep, awake = carried.share, carried.connect
            if end == "connect":
                asleep, awake = awake, asleep
            os.kill(asleep.process.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(ASLEEP_SECONDS)
            finally:
                os.kill(asleep.process.pid, signal.SIGCONT)
            async with asyncio.timeout(AFTER_SECONDS):
                with contextlib.suppress(OSError):
                    assert await reader.read() == b"", "a stream that waited too long has failed"
            writer.close()
            await reachable_again(carried)
            assert carried.alive
            events = [each.get("event") for each in awake.events()]
            assert events.count("connected") + events.count("resumed") > 1, events
        finally:
            await carried.stop()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def reachable_again(carried: Carried) -> None:
    """Wait until a new connection over the session works; it is refused while there is no path."""
    async with asyncio.timeout(AFTER_SECONDS):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", carried.port)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if await echoed(reader, writer) == WORDS:
                    writer.close()
                    return
            writer.close()
            await asyncio.sleep(0.1)


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(WORDS)
    return await reader.readexactly(len(WORDS))


async def test_a_subscriber_that_stops_reading_disturbs_nobody_on_a_site(
    sick_site: SickSite,
) -> None:
    await sick_site.well()
    env = {**sick_site.env, **reader_environment(sick_site.site.layout)}
    tail = await RunningProgram.start("tail", *meridian("events", "tail", "--json"), env=env)
    try:
        async with sick_site.writing():
            await until(lambda: len(tail.lines) > 3)
            os.kill(tail.process.pid, signal.SIGSTOP)
            begin = time.monotonic()
            await asyncio.sleep(2 * QUIET_SECONDS)
            await sick_site.accepted_again(time.monotonic())
            assert sick_site.longest_pause(begin) < QUIET_SECONDS
            os.kill(tail.process.pid, signal.SIGCONT)
            read = len(tail.lines)
            await until(lambda: len(tail.lines) > read + 10)
    finally:
        tail.process.kill()
        await tail.finished()
    await sick_site.well()
