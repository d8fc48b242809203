"""Six nodes in four regions: clients land where the explanation and the rehearsal say."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import pytest_asyncio

from shared.domain.node import NodeRole
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.layout import PLACES, Place
from stack.site import Site, SiteOptions
from tests.system.people import PATIENCE_SECONDS, run_meridian, signed_in

TRAFFIC = NodeRole.TRAFFIC
WORLD = (
    *(place for place in PLACES if place.role is not TRAFFIC),
    Place("berlin", TRAFFIC, "eu", "Europe/Berlin", 52.5, 13.4),
    Place("dublin", TRAFFIC, "eu", "Europe/Dublin", 53.3, -6.3),
    Place("denver", TRAFFIC, "us", "America/Denver", 39.7, -105.0),
    Place("recife", TRAFFIC, "sa", "America/Recife", -8.1, -34.9),
    Place("tokyo", TRAFFIC, "ap", "Asia/Tokyo", 35.7, 139.7),
    Place("sydney", TRAFFIC, "ap", "Australia/Sydney", -33.9, 151.2),
)
POPULATION = """\
address,latitude,longitude,clients
198.51.100.1,50.1,8.7,300
198.51.100.2,51.5,-0.1,200
198.51.100.3,34.1,-118.2,150
198.51.100.4,-23.5,-46.6,100
198.51.100.5,34.7,135.5,150
198.51.100.6,-37.8,145.0,100
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncGenerator[Site]:
    """A site all over the world."""
    async with Site.start(SiteOptions(places=WORLD)) as site:
        yield site


@asynccontextmanager
async def admin(site: Site, address: str | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    """The administrator at the front door, coming from *address*."""
    context = ssl.create_default_context(cafile=str(site.ca_file))
    transport = httpx.AsyncHTTPTransport(verify=context, local_address=address)
    gateway = f"{site.gateway_urls[0]}/api/v1"
    async with httpx.AsyncClient(transport=transport, base_url=gateway, timeout=20) as client:
        body = {"username": "admin", "password": site.admin_password}
        token = (await client.post("/login", json=body)).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def change(client: httpx.AsyncClient, path: str, **parts: Any) -> None:
    """Give the document at *path* other *parts*."""
    document = (await client.get(path)).raise_for_status().json()["body"]
    (await client.put(path, json={**document, **parts})).raise_for_status()


async def explained(env: dict[str, str], *facts: str) -> dict[str, Any]:
    code, text = await run_meridian(env, "select", "--explain", "--json", *facts)
    assert code == 0, text
    return dict(json.loads(text))


async def landed(env: dict[str, str]) -> str:
    """Where a session of somebody with *env* goes."""
    carried = await Carried.open(free_port(), free_port(), env)
    try:
        return carried.node
    finally:
        await carried.stop()


@pytest.mark.timeout(240)
async def test_clients_land_by_their_clock_where_the_explanation_says(
    world: Site, tmp_path: Path
) -> None:
    env = await signed_in(world, tmp_path)
    async with admin(world) as client:
        await change(client, "/site", selection={"methods": ["timezone_offset", "least_load"]})
    for zone, node in (("Asia/Tokyo", "tokyo"), ("America/Recife", "recife")):
        async with asyncio.timeout(PATIENCE_SECONDS):  # until the selector asked knows the setting
            while (answer := await explained(env, "--offset", zone))["method"] != "timezone_offset":
                await asyncio.sleep(0.1)
        assert answer["choices"][0]["node"] == node
        assert "0 minutes around the clock" in answer["explanation"][0]["reason"]
        assert await landed({**env, "TZ": zone}) == node


@pytest.mark.timeout(240)
async def test_a_client_s_network_wins_over_its_clock(world: Site, tmp_path: Path) -> None:
    env = await signed_in(world, tmp_path)
    async with admin(world) as client, admin(world, "127.0.0.7") as elsewhere:
        await change(client, "/site", selection={"methods": ["timezone_offset"]})
        await change(client, "/nodes/sydney", prefixes=["127.0.0.0/255.0.0.0"])
        await change(client, "/nodes/dublin", prefixes=["127.0.0.7/32"])

        assert await landed({**env, "TZ": "Asia/Tokyo"}) == "sydney"
        answer = (await elsewhere.post("/select", json={})).raise_for_status().json()
        assert answer["choices"][0]["node"] == "dublin"
        assert "network 127.0.0.7/32" in answer["explanation"][0]["reason"]

        for node in ("sydney", "dublin"):
            await change(client, f"/nodes/{node}", prefixes=[])


@pytest.mark.timeout(240)
async def test_a_rehearsal_shows_who_goes_where_without_a_node_and_changes_nothing(
    world: Site, tmp_path: Path
) -> None:
    env = await signed_in(world, tmp_path)
    _, before = await run_meridian(env, "export")
    (tmp_path / "clients.csv").write_text(POPULATION)
    picture = tmp_path / "world.svg"
    people = ("--clients", str(tmp_path / "clients.csv"), "--method", "geo")

    code, text = await run_meridian(
        env,
        "simulate",
        "selection",
        *people,
        "--fail",
        "berlin",
        "--picture",
        str(picture),
        "--json",
    )

    assert code == 0, text
    supposed = {each["node"]: each["clients"] for each in json.loads(text)["supposed"]["nodes"]}
    assert supposed == {"dublin": 500, "denver": 150, "recife": 100, "tokyo": 150, "sydney": 100}
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")
    _, after = await run_meridian(env, "export")
    assert after == before
