"""What an endpoint tells a site of itself: measured when it is due, and never in the way."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from clients.api import site_client
from clients.facts import ASK_SECONDS, endpoint_facts, own_address
from clients.latencies import recall, went_by
from clients.profile import Profile
from tests.integration.endpoint.front_door import FrontDoor, front_door
from tests.integration.relay.worlds import data_plane
from tests.integration.tunnel.site import Site

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERIDIAN_HOME", str(tmp_path))


@contextlib.asynccontextmanager
async def measured_site() -> AsyncGenerator[FrontDoor]:
    """A front door that lets endpoints measure one relay."""
    async with data_plane() as world, front_door(Site()) as door:
        relay = {"node": "berlin", "host": "127.0.0.1", "port": world.port}
        door.probes = {"nodes": [relay], "ticket": "probe", "good_for_seconds": 120}
        yield door


def elsewhere(_: str) -> str:
    """The address of this machine in another network."""
    return "192.168.7.7"


async def told_to(url: str) -> dict[str, Any]:
    """What an endpoint would tell the site at *url* now."""
    profile = Profile(gateways=[url])

    def tell() -> dict[str, Any]:
        with site_client(profile) as client:
            return endpoint_facts(client, profile).model_dump(exclude_unset=True)

    return await asyncio.to_thread(tell)


async def test_relays_are_measured_once_and_told_with_their_age() -> None:
    async with measured_site() as door:
        first = await told_to(door.url)
        went_by(door.url, "berlin")
        second = await told_to(door.url)
    assert list(first["latencies_ms"]) == ["berlin"]
    assert second["latencies_ms"] == first["latencies_ms"]
    assert second["latency_ages_seconds"]["berlin"] > first["latency_ages_seconds"]["berlin"]
    assert (first.get("last_node"), second["last_node"]) == (None, "berlin")
    assert [list(asked) for asked in door.probes_asked] == [["utc_offset_minutes"]]


async def test_a_site_that_goes_by_no_latency_is_asked_once_and_nothing_is_measured() -> None:
    async with measured_site() as door:
        door.probes = {"nodes": [], "ticket": "", "good_for_seconds": 120}
        for _ in range(2):
            assert list(await told_to(door.url)) == ["utc_offset_minutes"]
    assert len(door.probes_asked) == 1


@pytest.mark.parametrize("answer", [None, {}, {"nodes": 7}, {"nodes": [{"node": "berlin"}]}])
async def test_a_site_that_knows_no_probes_gets_a_client_without_them(
    answer: dict[str, Any] | None,
) -> None:
    async with measured_site() as door:
        door.probes = answer
        assert list(await told_to(door.url)) == ["utc_offset_minutes"]


async def test_a_site_that_does_not_answer_in_time_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.monotonic()
        assert list(await told_to(f"http://127.0.0.1:{deaf.getsockname()[1]}")) == [
            "utc_offset_minutes"
        ]
        assert time.monotonic() - began < ASK_SECONDS + 2


async def test_what_was_measured_elsewhere_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with measured_site() as door:
        await told_to(door.url)
        monkeypatch.setattr("clients.facts.own_address", elsewhere)
        await told_to(door.url)
        assert recall(door.url).seen_from == elsewhere("")
    assert len(door.probes_asked) == 2


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
