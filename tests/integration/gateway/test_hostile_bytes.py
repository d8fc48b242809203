"""Whatever bytes come in whatever pieces: the next request of somebody else is answered."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.gateway.acceptors import ATTACKER, HEALTH, opened, rest_of

pytestmark = pytest.mark.integration

UPGRADE = (
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
)
WHOLE = (
    HEALTH,
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    UPGRADE,
    b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x81\x85\0\0\0\0hello",
    b"\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
)
SPOILT = st.tuples(st.sampled_from(WHOLE), st.integers(0, 200), st.binary(max_size=20)).map(
    lambda each: each[0][: each[1]] + each[2] + each[0][each[1] :]
)
PIECES = st.lists(st.sampled_from(WHOLE) | SPOILT | st.binary(max_size=60), max_size=6)


async def send(writer: asyncio.StreamWriter, data: bytes, cuts: list[int]) -> None:
    """Send *data*, cut where *cuts* say."""
    begin = 0
    for end in (*sorted(cuts), len(data)):
        writer.write(data[begin : max(begin, end)])
        begin = max(begin, end)
        await asyncio.sleep(0)


@pytest.mark.parametrize("tls", [True, False], ids=["inside TLS", "instead of TLS"])
def test_no_bytes_hurt_the_next_request(tmp_path: Path, tls: bool) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(PIECES, st.lists(st.integers(0, 400), max_size=4))
    def check(pieces: list[bytes], cuts: list[int]) -> None:
        runner.run(attack(b"".join(pieces), cuts))

    async def attack(data: bytes, cuts: list[int]) -> None:
        reader, writer = await here.connect(ATTACKER, tls=tls)
        with contextlib.suppress(OSError):
            await send(writer, data, cuts)
            assert (await here.ask())[0] == 200
        writer.close()
        await rest_of(reader)

    with asyncio.Runner() as runner:
        acceptor = opened(tmp_path)
        here = runner.run(acceptor.__aenter__())
        check()
        runner.run(acceptor.__aexit__(None, None, None))
