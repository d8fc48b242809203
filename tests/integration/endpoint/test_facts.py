"""What an endpoint reports of itself to a site: measured when that is due, and never in the way."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from clients.session.facts import PROBES_SECONDS, endpoint_facts, own_address
from clients.session.latencies import load_measurements, record_node
from clients.site.api import site_client
from clients.site.profile import Profile
from tests.integration.endpoint.gateway import FakeGateway, fake_gateway
from tests.integration.relay.worlds import data_plane
from tests.integration.tunnel.site import Site

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))


@contextlib.asynccontextmanager
async def measured_site() -> AsyncGenerator[FakeGateway]:
    """A gateway that lets endpoints measure one relay."""
    async with data_plane() as world, fake_gateway(Site()) as gateway:
        relay = {"node": "berlin", "host": "127.0.0.1", "port": world.port}
        gateway.probes = {"nodes": [relay], "ticket": "probe", "good_for_seconds": 120}
        yield gateway


def elsewhere(_: str) -> str:
    """The address of this machine in another network."""
    return "192.168.7.7"


async def facts_at(url: str) -> dict[str, Any]:
    """The facts that an endpoint would report to the site at *url* now."""
    profile = Profile(gateways=[url])

    def collect() -> dict[str, Any]:
        with site_client(profile) as client:
            return endpoint_facts(client, profile).model_dump(exclude_unset=True)

    return await asyncio.to_thread(collect)


async def test_relays_are_measured_once_and_reported_with_their_age() -> None:
    async with measured_site() as gateway:
        first = await facts_at(gateway.url)
        record_node(gateway.url, "berlin")
        second = await facts_at(gateway.url)
    assert list(first["latencies_ms"]) == ["berlin"]
    assert second["latencies_ms"] == first["latencies_ms"]
    assert second["latency_ages_seconds"]["berlin"] > first["latency_ages_seconds"]["berlin"]
    assert (first.get("last_node"), second["last_node"]) == (None, "berlin")
    assert [list(facts) for facts in gateway.probe_requests] == [["utc_offset_minutes"]]


async def test_a_site_that_goes_by_no_latency_is_asked_once_and_nothing_is_measured() -> None:
    async with measured_site() as gateway:
        gateway.probes = {"nodes": [], "ticket": "", "good_for_seconds": 120}
        for _ in range(2):
            assert list(await facts_at(gateway.url)) == ["utc_offset_minutes"]
    assert len(gateway.probe_requests) == 1


@pytest.mark.parametrize("answer", [None, {}, {"nodes": 7}, {"nodes": [{"node": "berlin"}]}])
async def test_a_site_that_knows_no_probes_gets_a_client_without_them(
    answer: dict[str, Any] | None,
) -> None:
    async with measured_site() as gateway:
        gateway.probes = answer
        assert list(await facts_at(gateway.url)) == ["utc_offset_minutes"]


async def test_a_site_that_does_not_answer_in_time_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        assert list(await facts_at(f"http://127.0.0.1:{deaf.getsockname()[1]}")) == [
            "utc_offset_minutes"
        ]
        assert time.monotonic() - began < PROBES_SECONDS + 2


async def test_what_was_measured_elsewhere_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with measured_site() as gateway:
        await facts_at(gateway.url)
        monkeypatch.setattr("clients.session.facts.own_address", elsewhere)
        await facts_at(gateway.url)
        assert load_measurements(gateway.url).seen_from == elsewhere("")
    assert len(gateway.probe_requests) == 2


@pytest.mark.parametrize(
    ("site", "address"),
    [
        ("http://127.0.0.1:8443", "127.0.0.1"),
        ("https://no.such.host.invalid", ""),
        ("nonsense", ""),
        ("https://[::1", ""),
        ("https://127.0.0.1:99999", ""),
    ],
)
def test_the_own_address_towards_a_site_is_found_or_unknown(site: str, address: str) -> None:
    assert own_address(site) == address
