import asyncio
import os
from pathlib import Path

import pytest

from tests.integration.endpoint.gateway import fake_gateway
from tests.integration.endpoint.programs import KEY, programs
from tests.integration.endpoint.world import world
from tests.integration.tunnel.site import SESSION, Site, until

pytestmark = pytest.mark.integration


async def echoed(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(30):
        back = await reader.read()
    writer.close()
    return back


async def test_a_session_from_join_to_close(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share = await here.programs.share(here.echo, "--yes")
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        await connect.event("connected")
        port = (await connect.event("listening"))["port"]
        data = os.urandom(3_000_000)
        assert await echoed(port, data) == data
        assert (await share.event("stream_opened"))["stream"] == 1
        connect.interrupt()
        closed = await share.event("closed")
        assert closed["by_peer"]
        assert closed["message"] == "closed by its user"
        assert [await each.exit_code() for each in (share, connect)] == [0, 0]
        assert here.gateway.closed == "closed by its user"
        assert [each["event"] for each in share.events] == [
            *("joined", "lifetime", "paths", "secured", "connected", "stream_opened", "closed"),
        ]


async def test_a_killed_relay_and_a_lost_gateway_cost_a_moment(tmp_path: Path) -> None:
    async with world(tmp_path, nodes=3) as here:
        await here.programs.share(here.echo, "--yes")
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        generation = (await connect.event("connected"))["generation"]
        port = (await connect.event("listening"))["port"]
        await here.gateway.drop_channels()
        await here.relays.relays[int(generation) - 1].kill()
        resumed = await connect.event("resumed")
        assert resumed["generation"] != generation
        assert resumed["seconds"] < 1.0
        assert await echoed(port, b"still here") == b"still here"
        await until(lambda: len(here.gateway.channels) == 2)


async def test_standard_input_and_output_carry_one_connection(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share = await here.programs.share(here.echo, "--yes")
        connect = await here.programs.connect("--stdio")
        data = os.urandom(1_000_000)
        async with asyncio.timeout(30):
            output, _ = await connect.process.communicate(data)
        assert output == data
        assert connect.process.returncode == 0
        assert await share.exit_code() == 0


async def test_a_shared_address_that_refuses_is_an_error_on_standard_streams(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        await here.programs.share("127.0.0.1:1", "--yes")
        connect = await here.programs.connect("--stdio")
        async with asyncio.timeout(30):
            output, complaint = await connect.process.communicate()
        assert output == b""
        assert complaint.decode().endswith("meridian: 127.0.0.1:1: Connection refused\n")
        assert connect.process.returncode == 1


async def test_wrong_words_are_one_sentence_and_the_third_burns_the_key(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        for attempt in (1, 2, 3):
            share = await here.programs.share(here.echo, "--yes", key=f"{SESSION}-wrong-words")
            assert await share.complaint() == (
                f"meridian: the session key's words do not match (attempt {attempt} of 3)\n"
            )
            assert await share.exit_code() == 1
            assert (await connect.event("words_differ"))["attempt"] == attempt
        assert (await connect.event("closed"))["code"] == "key_burnt"
        assert "is burnt; open a new session" in await connect.complaint()
        assert await connect.exit_code() == 1


async def test_a_session_that_the_site_ends_ends_both_well(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share = await here.programs.share(here.echo, "--yes")
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        await share.event("connected")
        await connect.event("connected")
        here.gateway.closed = "closed by admin"
        await here.gateway.send_state_to_all()
        for end in (share, connect):
            assert (await end.event("closed"))["message"] == "closed by admin"
            assert await end.exit_code() == 0


async def test_a_session_that_is_over_is_an_error_to_who_comes_late(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.gateway.closed = "closed by admin"
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        complaint = f"meridian: session {SESSION} is over: closed by admin\n"
        assert await connect.complaint() == complaint
        assert await connect.exit_code() == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("share", "nowhere", "--key", KEY), "'nowhere' is no address"),
        (("share", "127.0.0.1:22", "--key", "words"), "'words' is no session key"),
        (("share", "127.0.0.1:22", "--key", KEY), "nobody can be asked for consent here"),
        (("share", "127.0.0.1:22", "--key", "99999-ab-cd-ef", "--yes"), "is no session key"),
        (("share", "127.0.0.1:22", "--key", "99999-abc-def", "--yes"), "there is no session 99999"),
        (("connect", "--key", KEY), "either --listen HOST:PORT or --stdio"),
        (("connect", "--key", KEY, "--stdio", "--listen", "1"), "either --listen"),
        (("connect", "--key", "99999-abc-def", "--stdio"), "was not opened on this machine"),
        (("connect", "--key", KEY, "--listen", "192.0.2.1:1"), "cannot listen on 192.0.2.1:1"),
    ],
)
async def test_a_mistake_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    async with fake_gateway(Site()) as gateway, programs(gateway, tmp_path) as started:
        program = await started.start(*arguments)
        text = await program.complaint()
        assert text.startswith("meridian: ")
        assert complaint in text
        assert text.count("\n") == 1
        assert await program.exit_code() != 0


async def test_a_second_interrupt_breaks_off(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        await connect.event("waiting_for_customer")
        connect.interrupt()
        assert await connect.exit_code() in (0, 130)
