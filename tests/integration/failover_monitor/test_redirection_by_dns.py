"""Dynamic updates of a real name server, and servers that refuse, vanish or never answer."""

import asyncio
from collections.abc import Generator
from dataclasses import replace

import pytest

from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.dns import DnsMethod, read_key
from shared.documents.redirection import Dns, Redirection, RedirectionMethod
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Epoch, NodeId
from tests.integration.failover_monitor.nameserver import NameServer, make_key, name_server
from tests.integration.failover_monitor.webserver import SECONDS, listening
from tests.integration.servers import HOST, free_port

pytestmark = pytest.mark.integration

NAME = "support.example.com"
ADDRESSES = {"alpha": ("192.0.2.1",), "bravo": ("192.0.2.2", "2001:db8::2")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[NameServer]:
    with name_server(tmp_path_factory.mktemp("named")) as server:
        yield server


def desired(node: str, port: int, **more: str) -> DesiredState:
    found = {"server": HOST, "zone": "example.com", "name": NAME, **more}
    dns = Dns.model_validate({**found, "port": port, "addresses": ADDRESSES})
    setting = Redirection(method=RedirectionMethod.DNS, dns=dns)
    return DesiredState("support.example.com", NodeId(node), Epoch(7), setting)


async def refusal(method: DnsMethod, wanted: DesiredState) -> str:
    with pytest.raises(RedirectionFailed) as caught:
        async with asyncio.timeout(SECONDS):
            await method.redirect(wanted)
    return caught.value.message


async def test_the_name_follows_the_primary_and_keeps_what_else_it_has(server: NameServer) -> None:
    method = DnsMethod(read_key(server.key))

    await method.redirect(desired("alpha", server.port))
    assert server.ask(NAME, "A") == ({"192.0.2.1"}, 30)
    assert server.ask(NAME, "AAAA") == (set(), 0)

    await method.redirect(desired("bravo", server.port))
    assert server.ask(NAME, "A") == ({"192.0.2.2"}, 30)
    assert server.ask(NAME, "AAAA") == ({"2001:db8::2"}, 30)
    assert server.ask(NAME, "TXT")[0] == {'"keep me"'}

    await method.redirect(desired("alpha", server.port))
    assert server.ask(NAME, "AAAA") == (set(), 0)


async def test_an_update_that_is_no_news_changes_nothing(server: NameServer) -> None:
    method = DnsMethod(read_key(server.key))
    await method.redirect(desired("bravo", server.port))
    serial = server.serial()

    await method.redirect(desired("bravo", server.port))

    assert server.serial() == serial


async def test_a_server_may_be_named(server: NameServer) -> None:
    method = DnsMethod(read_key(server.key))

    await method.redirect(desired("alpha", server.port, server="localhost"))

    assert server.ask(NAME, "A")[0] == {"192.0.2.1"}


async def test_a_server_that_refuses_is_named_with_its_answer(server: NameServer) -> None:
    assert await refusal(DnsMethod(), desired("alpha", server.port)) == (
        f"the DNS server {HOST} refuses to direct {NAME} here: REFUSED"
    )


async def test_another_key_is_distinguished_from_a_refusal(server: NameServer) -> None:
    error = await refusal(DnsMethod(read_key(make_key())), desired("alpha", server.port))

    assert error.startswith(f"the DNS server {HOST} does not accept this master's key: ")


async def test_a_zone_of_another_server_is_refused_by_name(server: NameServer) -> None:
    foreign = desired("alpha", server.port, zone="example.net", name="support.example.net")

    assert (await refusal(DnsMethod(read_key(server.key)), foreign)).endswith(": NOTAUTH")


async def test_a_server_that_is_away_is_named() -> None:
    error = await refusal(DnsMethod(), desired("alpha", free_port()))

    assert error.startswith(f"the DNS server {HOST} cannot be updated: ")


async def test_a_server_that_nobody_knows_is_named() -> None:
    error = await refusal(DnsMethod(), desired("alpha", 53, server="nowhere.invalid"))

    assert error.startswith("the DNS server nowhere.invalid cannot be updated: ")


async def test_a_master_without_an_address_is_named() -> None:
    error = await refusal(DnsMethod(), replace(desired("alpha", 53), node=NodeId("charlie")))

    assert error == "the site's redirection.dns.addresses do not name charlie"


async def test_a_server_that_hangs_up_or_talks_nonsense_is_named() -> None:
    answers = [b"", b"\x00\x04nons"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answers.pop(0))
        await writer.drain()

    async with listening(serve) as port:
        for _ in range(2):
            error = await refusal(DnsMethod(), desired("alpha", port))
            assert error.startswith(f"the DNS server {HOST} cannot be updated: ")


async def test_a_server_that_never_answers_can_be_given_up() -> None:
    came = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()

    async with asyncio.timeout(SECONDS), listening(serve) as port:
        waiting = asyncio.create_task(DnsMethod().redirect(desired("alpha", port)))
        await came.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
