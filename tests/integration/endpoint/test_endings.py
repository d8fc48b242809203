"""How the commands of a session end: by whom, with which words, and what does not end them."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from stack.demo.programs import RunningProgram
from tests.integration.endpoint.gateway import fake_gateway
from tests.integration.endpoint.programs import KEY, Program, Programs, programs
from tests.integration.endpoint.world import World, world
from tests.integration.tunnel.site import IN_TIME, SESSION, Site
from tests.programs import require_program
from tests.system.secure_shell import serving

pytestmark = pytest.mark.integration

PROGRAM = f"{sys.executable} -m clients.cli"
SIGNALLED = [
    ("share", signal.SIGHUP, "its terminal, or the program that used it, is gone"),
    ("share", signal.SIGINT, "closed by its user"),
    ("share", signal.SIGTERM, "its program was stopped"),
    ("connect", signal.SIGHUP, "its terminal, or the program that used it, is gone"),
    ("connect", signal.SIGTERM, "its program was stopped"),
]


async def both_ends(here: World, *where: str) -> tuple[Program, Program]:
    """The customer's command and the representative's, which carry a session."""
    share = await here.programs.share(here.echo, "--yes")
    connect = await here.programs.connect(*where)
    await share.event("stream_opened" if "--stdio" in where else "connected")
    return share, connect


async def require_good_bye(here: World, program: Program, message: str) -> None:
    """Check that *program* ends well, because the other end and the site read *message*."""
    closed = await program.event("closed")
    assert (closed["by_peer"], closed["message"]) == (True, message)
    assert await program.exit_code() == 0
    assert here.gateway.closed == message


@pytest.mark.parametrize(("command", "number", "message"), SIGNALLED)
async def test_hup_term_and_int_end_share_and_connect_with_a_good_bye(
    tmp_path: Path, command: str, number: signal.Signals, message: str
) -> None:
    async with world(tmp_path) as here:
        share, connect = await both_ends(here, "--listen", "127.0.0.1:0")
        ending, other = (share, connect) if command == "share" else (connect, share)
        ending.process.send_signal(number)
        if number is not signal.SIGHUP:
            assert (await ending.event("closing"))["session"] == SESSION
        await require_good_bye(here, other, message)
        assert await ending.exit_code() == 0


async def test_the_customers_share_ends_when_openssh_ends_its_proxy_command(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here, serving(tmp_path / "ssh") as shell:
        share = await here.programs.share(f"127.0.0.1:{shell.port}", "--yes")
        await share.event("joined")
        ssh = (require_program("ssh"), *shell.through(KEY), shell.address, "exit 5")
        run = await RunningProgram.start("ssh", *ssh, env=here.programs.environment)
        code, output = await run.finished()
        assert code == 5, output
        assert (await share.event("closed"))["by_peer"]
        assert await share.exit_code() == 0


async def test_a_closed_standard_input_ends_connect_with_a_good_bye(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share, connect = await both_ends(here, "--stdio")
        assert connect.process.stdin is not None
        connect.process.stdin.close()
        await require_good_bye(here, share, "the connection is over")
        assert await connect.exit_code() == 0


@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_a_closed_standard_output_ends_connect_with_a_good_bye(
    tmp_path: Path, kind: str
) -> None:
    ours, theirs = os.pipe() if kind == "pipe" else (each.detach() for each in socket.socketpair())
    async with world(tmp_path) as here:
        share = await here.programs.share(here.echo, "--yes")
        connect = await here.programs.start("connect", "--key", KEY, "--stdio", stdout=theirs)
        os.close(theirs)
        await share.event("stream_opened")
        os.close(ours)
        await require_good_bye(here, share, "nobody reads the standard output any more")
        complaint = await connect.complaint()
        assert complaint.endswith("meridian: nobody reads the standard output any more\n")
        assert await connect.exit_code() == 1


async def test_a_full_disk_ends_connect_with_an_error_and_a_good_bye(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    async with world(tmp_path) as here:
        share = await here.programs.share(here.echo, "--yes")
        connect = await here.programs.start("connect", "--key", KEY, "--stdio", stdout=full)
        os.close(full)
        assert connect.process.stdin is not None
        connect.process.stdin.write(b"to be echoed")
        message = "standard output cannot be written: No space left on device"
        await require_good_bye(here, share, message)
        assert (await connect.complaint()).endswith(f"meridian: {message}\n")
        assert await connect.exit_code() == 1


async def test_a_session_that_ends_before_its_connection_is_an_error_on_standard_streams(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        share, connect = await both_ends(here, "--stdio")
        share.interrupt()
        complaint = await connect.complaint()
        words = f"session {SESSION} ended while 1 connection was open: closed by its user"
        assert complaint.endswith(f"meridian: {words}\n")
        assert await connect.exit_code() == 1


async def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share, connect = await both_ends(here, "--listen", "127.0.0.1:0")
        share.process.send_signal(signal.SIGSTOP)
        connect.interrupt()
        await connect.event("closing")
        connect.interrupt()
        async with asyncio.timeout(1.5):  # the other end has 2 s to answer the good-bye
            assert await connect.process.wait() == 130
        share.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("reader", ["gone", "frozen", "full disk"])
async def test_a_session_goes_on_when_nobody_reads_its_narration(
    tmp_path: Path, reader: str
) -> None:
    ours, theirs = os.pipe()
    if reader == "full disk":
        os.close(theirs)
        theirs = os.open("/dev/full", os.O_WRONLY)
    if reader == "frozen":
        os.set_blocking(theirs, False)
        os.write(theirs, bytes(1 << 16))
        os.set_blocking(theirs, True)
    if reader == "gone":
        os.close(ours)
    async with world(tmp_path) as here:
        arguments = ("share", here.echo, "--key", KEY, "--json", "--yes")
        share = await here.programs.start(*arguments, stdout=theirs)
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        port = (await connect.event("listening"))["port"]
        for number in range(20):
            reader_, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"%d" % number)
            writer.write_eof()
            async with asyncio.timeout(IN_TIME):
                assert await reader_.read() == b"%d" % number
            writer.close()
        share.process.terminate()
        await connect.event("closed")
        assert await share.complaint() == ""
        assert await share.exit_code() == 0
    os.close(theirs)
    if reader != "gone":
        os.close(ours)


async def in_shell(programs: Programs, command: str) -> tuple[int | None, str]:
    """The exit code and the output of a command line; `meridian` may be left out."""
    line = command if PROGRAM in command else f"{PROGRAM} {command}"
    shell = await asyncio.create_subprocess_shell(
        line,
        env=programs.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await shell.communicate()
    return shell.returncode, output.decode()


async def test_a_narration_that_was_read_by_head_costs_one_line(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        share = f"share {here.echo} --key {KEY} --json --yes"
        reading = asyncio.create_task(in_shell(here.programs, f"{PROGRAM} {share} | head -1"))
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        await connect.event("connected")
        connect.interrupt()
        code, output = await reading
        assert [json.loads(line)["event"] for line in output.splitlines()] == ["joined"]
        assert (await connect.exit_code(), code) == (0, 0)


async def test_a_closed_standard_input_is_nobody_who_could_agree(tmp_path: Path) -> None:
    async with fake_gateway(Site(0)) as gateway, programs(gateway, tmp_path) as started:
        code, output = await in_shell(started, f"share 127.0.0.1:1 --key {KEY} <&-")
        assert output == (
            "meridian: nobody can be asked for consent here; if you agree, say so with --yes\n"
        )
        assert code == 2


async def test_a_standard_output_that_was_closed_takes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.programs.share(here.echo, "--yes")
        command = f"echo hello | {PROGRAM} connect --key {KEY} --stdio 2>&1 >&-"
        code, output = await in_shell(here.programs, command)
        assert output.endswith("standard output cannot be written: Bad file descriptor\n")
        assert code == 1


async def test_a_hup_that_was_to_be_ignored_ends_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        arguments = f"{PROGRAM} share {here.echo} --key {KEY} --json --yes"
        share = await asyncio.create_subprocess_shell(
            f"trap '' HUP; exec {arguments}",
            env=here.programs.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            connect = await here.programs.connect("--listen", "127.0.0.1:0")
            port = (await connect.event("listening"))["port"]
            share.send_signal(signal.SIGHUP)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write_eof()
            async with asyncio.timeout(IN_TIME):
                assert await reader.read() == b""
            writer.close()
            assert share.returncode is None
        finally:
            share.terminate()
            await share.communicate()


async def test_several_listen_addresses_all_work(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.programs.share(here.echo, "--yes")
        where = ("--listen", "127.0.0.1:0") * 3
        connect = await here.programs.connect(*where)
        ports = [(await connect.event("listening"))["port"] for _ in range(3)]
        assert len(set(ports)) == 3
        for port in ports:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"%d" % port)
            writer.write_eof()
            async with asyncio.timeout(IN_TIME):
                assert await reader.read() == b"%d" % port
            writer.close()


@pytest.mark.parametrize(
    ("reason", "message"),
    [("expired", "its lifetime is over"), ("closed_by_user", "closed by admin")],
)
async def test_a_session_that_ends_in_mid_transfer_is_an_error_at_both_ends(
    tmp_path: Path, reason: str, message: str
) -> None:
    async with world(tmp_path) as here:
        share, connect = await both_ends(here, "--listen", "127.0.0.1:0")
        port = (await connect.event("listening"))["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"half of it")
        await reader.readexactly(10)
        await here.gateway.close_session(reason, message)
        for end in (share, connect):
            words = f"session {SESSION} ended while 1 connection was open: {message}"
            assert await end.complaint() == f"meridian: {words}\n"
            assert await end.exit_code() == 1
        writer.close()


async def test_a_session_that_its_lifetime_ends_between_transfers_ends_well(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        ends = await both_ends(here, "--listen", "127.0.0.1:0")
        await here.gateway.close_session("expired", "its lifetime is over")
        for end in ends:
            assert (await end.event("closed"))["message"] == "its lifetime is over"
            assert await end.exit_code() == 0


async def test_a_session_says_when_it_ends_and_warns_before_beside_the_data(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.gateway.seconds_left = 61.5
        share = await here.programs.share(here.echo, "--yes")
        lifetime = await share.event("lifetime")
        assert 55 < lifetime["seconds_left"] <= 62
        assert set(lifetime) == {"event", "at", "left", "seconds_left"}
        assert lifetime["left"].startswith(("1 min", "5"))

        connect = await here.programs.connect("--stdio")
        warning = await share.event("ends_soon")
        assert warning["seconds_left"] <= 60
        assert connect.process.stdin is not None
        connect.process.stdin.write(b"echo")
        connect.process.stdin.close()
        output, errors = await connect.process.communicate()
        assert output == b"echo", "nothing else is among the data"
        assert b'"lifetime"' in errors
