"""An end whose other side, or whose relays, are gone says so in time and ends when it should."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from shared.domain.ids import NodeId, PathGeneration
from shared.domain.node import Side
from shared.domain.path import Path as SessionPath
from tests.integration.endpoint.gateway import fake_gateway
from tests.integration.endpoint.programs import Program, programs
from tests.integration.endpoint.test_commands import echoed
from tests.integration.endpoint.world import World, world
from tests.integration.tunnel.site import Site

pytestmark = pytest.mark.integration

SHORT_WAIT = ("--wait", "2")
NOTICED_SECONDS = 2.0


async def talking(here: World) -> tuple[Program, Program, int]:
    """Both ends, connected, and the port of the representative's."""
    share = await here.programs.share(here.echo, "--yes", *SHORT_WAIT)
    connect = await here.programs.connect("--listen", "127.0.0.1:0", *SHORT_WAIT)
    port = (await connect.event("listening"))["port"]
    await share.event("connected")
    return share, connect, port


async def kill(program: Program) -> float:
    """Kill *program* by SIGKILL; the moment when it was."""
    program.process.kill()
    await program.process.wait()
    return time.monotonic()


async def refused(port: int) -> None:
    """A new local connection is ended at once."""
    with contextlib.suppress(ConnectionError):  # by a reset, as early as it can be
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        finally:
            writer.close()


async def test_connect_waits_for_the_customer_and_is_ready_when_bytes_can_flow(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        connect = await here.programs.connect("--listen", "127.0.0.1:0")
        await connect.event("waiting_for_customer")
        await here.programs.share(here.echo, "--yes")
        port = (await connect.event("listening"))["port"]
        assert [each["event"] for each in connect.events] == [
            *(
                "joined",
                "waiting_for_customer",
                "lifetime",
                "paths",
                "secured",
                "connected",
                "listening",
            )
        ]
        assert await echoed(port, b"at once") == b"at once"


async def test_kill_9_of_one_end_is_reported_within_two_seconds_and_streams_fail_after_the_wait(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as here:
        share, connect, port = await talking(here)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"open")
        assert await reader.readexactly(4) == b"open"

        killed_at = await kill(share)
        await connect.event("other_side_lost")
        assert time.monotonic() - killed_at < NOTICED_SECONDS
        await refused(port)
        assert (await connect.event("streams_refused_now"))["count"] == 1

        reason = "the other side did not come back within 2 s"
        assert (await connect.event("stream_broken"))["reason"] == reason
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        await refused(port)
        assert (await connect.event("streams_refused_now"))["count"] == 1
        writer.close()

        here.gateway.closed = "closed by admin"
        await here.gateway.send_state_to_all()
        assert (await connect.event("closed"))["message"] == "closed by admin"
        assert await connect.exit_code() == 0


@pytest.mark.parametrize("restarted", list(Side))
async def test_a_restarted_end_is_answered_in_words_on_both_sides(
    tmp_path: Path, restarted: Side
) -> None:
    async with world(tmp_path) as here:
        share, connect, _ = await talking(here)
        is_share = restarted is Side.CUSTOMER
        await kill(share if is_share else connect)
        again = (
            await here.programs.share(here.echo, "--yes")
            if is_share
            else await here.programs.connect("--listen", "127.0.0.1:0")
        )
        stayed = connect if is_share else share
        await stayed.event("secret_unknown")
        assert "was another program before, whose secret went with it" in await again.complaint()
        assert await again.exit_code() == 1
        assert here.gateway.closed is None, "only the end that stayed ends the session"
        stayed.interrupt()
        assert await stayed.exit_code() == 0


class OtherRelays(Site):
    """A site whose relays have other addresses than they should."""

    def __init__(self, addresses: dict[str, tuple[str, int]]) -> None:
        super().__init__()
        self._addresses = addresses

    def paths(self, side: Side, first: int = 1) -> list[SessionPath]:
        return [
            SessionPath(NodeId(node), *address, PathGeneration(first + number), f"ticket-of-{side}")
            for number, (node, address) in enumerate(self._addresses.items())
        ]


@contextlib.contextmanager
def addresses_out_of_reach() -> Generator[dict[str, tuple[str, int]]]:
    """Addresses at which no relay answers, each in another one of the ways in which none can."""
    with contextlib.ExitStack() as stack:

        def bound(backlog: int | None) -> socket.socket:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            if backlog is not None:
                listener.listen(backlog)
            return listener

        refused, silent, filtered = bound(None), bound(16), bound(0)
        for _ in range(2):  # a full backlog drops what comes, as a filter does
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(filtered.getsockname())
        yield {
            "refused": refused.getsockname(),
            "silent": silent.getsockname(),
            "filtered": filtered.getsockname(),
            "no-route": ("224.0.0.1", 9),  # no TCP connection goes to a group
        }


WHY = {
    "refused": "Connection refused",
    "silent": "no answer within 5 s",
    "filtered": "no connection within 5 s",
    "no-route": "Network is unreachable",
}


async def test_relays_out_of_reach_are_named_with_why_and_end_in_an_error(tmp_path: Path) -> None:
    with addresses_out_of_reach() as addresses:
        site = OtherRelays(addresses)
        async with fake_gateway(site) as gateway, programs(gateway, tmp_path) as started:
            gateway.joined.add(Side.CUSTOMER)
            ends = [
                await started.share("127.0.0.1:9", "--yes", "--wait", "7"),
                await started.connect("--listen", "127.0.0.1:0", "--wait", "7"),
            ]
            for end in ends:
                await end.event("closed")
                complaint = await end.complaint()
                assert await end.exit_code() == 1
                assert complaint.startswith("meridian: no relay of the site can be reached (")
                failed = [each for each in end.events if each["event"] == "path_failed"]
                assert {each["node"]: each["reason"] for each in failed} == WHY
                for node, (host, port) in addresses.items():
                    assert f"{node} ({host}:{port}): {WHY[node]}" in complaint
                assert len(failed) == len(WHY), "each is named once, however often it is dialled"
                assert [each["event"] for each in end.events].count("paths") == 1
