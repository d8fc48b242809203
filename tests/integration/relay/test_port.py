"""The relay's port, as an attacker, a load balancer and a large office come to it."""

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from services.relay.core.arrivals import SILENT
from services.relay.data_plane.lingering import LINGERING
from shared.domain.node import Side
from shared.domain.source import Networks
from shared.runtime.accepting import Listener
from shared.wire.proxy_protocol import encode_proxy_header
from shared.wire.relay import Refused, Wait, encode_hello, encode_ping
from tests.integration.relay.floods import descriptors, flood, many_sources
from tests.integration.relay.worlds import Endpoint, World, data_plane, listen, until

pytestmark = pytest.mark.integration

CUSTOMER = Side.CUSTOMER
HERE = Networks.parse(["127.0.0.1"])
HALF_A_HELLO = encode_hello("1.customer.1.0.0")[:9]


def header(client: str) -> bytes:
    there = "::1" if ":" in client else "203.0.113.1"
    return encode_proxy_header((client, 40_000), (there, 7_443))


async def carries(world: World, session: str) -> None:
    """Require that two honest ends meet, and that their bytes pass."""
    one, other = await world.pair(session)
    await one.send(b"through")
    assert await other.exactly(7) == b"through"


async def refusal(endpoint: Endpoint) -> Refused:
    answer = await endpoint.frame()
    assert isinstance(answer, Refused), answer
    return answer


@pytest.mark.parametrize("first", [b"", HALF_A_HELLO])
async def test_silent_connections_of_one_host_keep_nobody_out(first: bytes) -> None:
    with descriptors():
        async with data_plane() as world:
            with flood(world.port) as crowd:
                await crowd.come(SILENT.per_source + 200, "127.0.0.2", first=first)
                await carries(world, "1")
                assert world.pairings.snapshot.silent == SILENT.per_source
                assert set(world.notes.refused_sources) == {"127.0.0.2"}
                assert set(world.notes.refused) == {"full"}


async def test_silent_connections_of_many_hosts_keep_nobody_out() -> None:
    with descriptors():
        async with data_plane() as world:
            with flood(world.port) as crowd:
                await crowd.come(SILENT.total + 500, *many_sources(1_000))
                await carries(world, "1")
                assert world.pairings.snapshot.silent <= SILENT.total


async def test_hundreds_behind_one_address_come_back_at_once() -> None:
    with descriptors():
        async with data_plane(capacity=300) as world:
            await asyncio.gather(*(world.pair(str(number)) for number in range(250)))
            assert (world.pairings.snapshot.pairs, world.notes.refused) == (250, [])


async def test_connections_that_come_and_go_at_once_are_forgotten() -> None:
    async with data_plane() as world:
        for number in range(300):
            endpoint = await world.connect()
            (endpoint.reset if number % 2 else endpoint.close)()
        await carries(world, "1")
        await until(lambda: world.plane.connections == 2)
        assert world.pairings.snapshot.silent == 0


@pytest.mark.parametrize("state", ["silent", "half a header", "half", "waiting", "measuring"])
async def test_a_reset_in_any_state_is_noticed(state: str) -> None:
    proxies = HERE if "header" in state else Networks()
    sent = {"silent": b"", "half": HALF_A_HELLO, "half a header": header("192.0.2.1")[:9]}
    sent |= {"waiting": encode_hello("1.customer.1.0.0"), "measuring": encode_ping(1, "probe")}
    async with data_plane(proxies=proxies) as world:
        endpoint = await world.connect()
        await endpoint.send(sent[state])
        if state in {"waiting", "measuring"}:
            await endpoint.frame()
        await until(lambda: world.plane.connections == 1)
        endpoint.reset()
        await until(lambda: world.plane.connections == 0)
        assert world.pairings.deadline() is None


async def test_a_reset_while_the_refusal_is_read_is_noticed() -> None:
    async with data_plane() as world:
        endpoint = await world.hello("forged", CUSTOMER)
        await until(lambda: world.notes.refused == ["invalid_ticket"])
        endpoint.reset()
        await until(lambda: world.plane.connections == 0)


async def test_refused_connections_that_stay_are_bounded() -> None:
    async with data_plane() as world:
        with flood(world.port) as crowd:
            await crowd.come(2 * LINGERING.per_source, "127.0.0.2", first=b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: len(world.notes.refused) == 2 * LINGERING.per_source)
            assert world.plane.connections <= LINGERING.per_source
            await until(lambda: world.plane.connections == 0)


async def test_a_refused_peer_that_pours_on_is_cut_off() -> None:
    async with data_plane() as world:
        endpoint = await world.hello("forged", CUSTOMER)
        with pytest.raises(ConnectionError):
            await endpoint.send(bytes(64 * 1024 * 1024))
        await until(lambda: world.plane.connections == 0)


async def test_without_descriptors_silent_connections_make_room() -> None:
    async with data_plane() as world:
        with flood(world.port) as crowd:
            await crowd.come(150, "127.0.0.2")
            await until(lambda: world.pairings.snapshot.silent == 150)
            used = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
            honest = [socket.socket() for _ in range(2)]
            with descriptors(used + 3):
                loop = asyncio.get_running_loop()
                for end, side in zip(honest, Side, strict=True):
                    end.setblocking(False)
                    await loop.sock_connect(end, ("127.0.0.1", world.port))
                    await loop.sock_sendall(end, encode_hello(f"1.{side}.1.0.0"))
                await until(lambda: world.pairings.snapshot.pairs == 1)
            for end in honest:
                end.close()
            assert world.pairings.snapshot.silent < 150


async def test_without_descriptors_and_nobody_silent_the_port_waits_and_goes_on() -> None:
    class Full:
        exhausted = 0

        def on_connection(self, connection: socket.socket, peer: tuple[str, int]) -> None:
            connection.close()
            arrived.set()

        def on_exhausted(self) -> bool:
            self.exhausted += 1
            return False

    class OnceExhausted(socket.socket):
        failures = 3

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "no descriptor")
            return super().accept()

    arrived, full = asyncio.Event(), Full()
    (opened,) = listen(0, "127.0.0.1")
    port = opened.getsockname()[1]
    listener = Listener(asyncio.get_running_loop(), OnceExhausted(fileno=opened.detach()), full)
    listener.open()
    with socket.create_connection(("127.0.0.1", port)):
        async with asyncio.timeout(10):
            await arrived.wait()
    listener.close()
    assert full.exhausted == 3


async def test_the_address_of_both_families_serves_both() -> None:
    async with data_plane(hosts=("::",)) as world:
        one = await world.hello("1", CUSTOMER)
        streams = await asyncio.open_connection("::1", world.port)
        other = Endpoint(*streams)
        world.endpoints.append(other)
        await other.send(encode_hello("1.representative.1.0.0"))
        await one.ready()
        await other.ready()


@pytest.mark.parametrize("client", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("pieces", [1, 2, 1_000])
async def test_a_listed_load_balancer_s_header_names_the_source(client: str, pieces: int) -> None:
    sent = header(client) + b"\x00\x02\x09"
    size = -(-len(sent) // pieces)
    async with data_plane(proxies=HERE) as world:
        endpoint = await world.connect()
        for start in range(0, len(sent), size):
            await endpoint.send(sent[start : start + size])
        assert (await refusal(endpoint)).code == "bad_hello"
        expected = "2001:db8::/64" if ":" in client else client
        assert world.notes.refused_sources == [expected]


async def test_header_and_hello_may_come_in_one_segment() -> None:
    async with data_plane(proxies=HERE) as world:
        for side in Side:
            await world.hello("1", side, first=header("192.0.2.7"))
        for endpoint in world.endpoints:
            await endpoint.ready()


async def test_a_connection_from_a_load_balancer_s_network_must_have_the_header() -> None:
    async with data_plane(proxies=HERE) as world:
        answer = await refusal(await world.hello("1", CUSTOMER))
        assert answer.code == "bad_hello"
        assert "must begin with a PROXY v2 header" in answer.message


async def test_a_header_from_anywhere_else_is_not_looked_for() -> None:
    async with data_plane(proxies=Networks.parse(["10.0.0.0/8"])) as world:
        endpoint = await world.hello("1", CUSTOMER, first=header("10.0.0.1"))
        assert (await refusal(endpoint)).code == "bad_hello"
        assert world.notes.refused_sources == ["127.0.0.1"]
        assert isinstance(await (await world.hello("1", CUSTOMER)).frame(), Wait)


async def test_the_time_for_a_hello_covers_the_header() -> None:
    async with data_plane(proxies=HERE) as world:
        endpoint = await world.connect()
        before = world.pairings.deadline()
        await endpoint.send(header("192.0.2.7"))
        await until(lambda: world.plane.connections == 1)
        assert world.pairings.deadline() == before
        assert before is not None
        world.plane.perform(world.pairings.tick(before))
        assert (await refusal(endpoint)).code == "timeout"


async def test_clients_behind_one_load_balancer_are_counted_one_by_one() -> None:
    with descriptors():
        async with data_plane(proxies=HERE) as world:
            with flood(world.port) as crowd:
                count = SILENT.per_source + 100
                await crowd.come(count, "127.0.0.1", first=header("192.0.2.66"))
                await until(lambda: len(world.notes.refused) >= 100)
                assert set(world.notes.refused_sources) <= {"192.0.2.66", "127.0.0.1"}
                for side in Side:
                    await world.hello("1", side, first=header("192.0.2.7"))
                for endpoint in world.endpoints:
                    await endpoint.ready()
