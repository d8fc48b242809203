"""Two ends at different places meet at the node that is nearest to both together."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stack.demo.programs import RunningProgram, meridian, run
from stack.demo.target import free_port
from stack.site import Site
from tests.integration.roads import Road, road
from tests.system.people import PATIENCE_SECONDS, environment, signed_in

TEAM = {
    "teams": {
        "near": {"members": ["admin"], "selection": {"methods": ["latency"], "policy": "pair"}}
    },
    "public_sites": {"near": {"hostnames": ["near.example.com"], "teams": ["near"]}},
}
FROM_THE_CUSTOMER = {"berlin": 0.005, "denver": 0.080, "tokyo": 0.030}
FROM_THE_REPRESENTATIVE = {"berlin": 0.090, "denver": 0.005, "tokyo": 0.025}
"""Seconds one way: each end is nearest to another node, and both together to tokyo."""


async def exported(env: dict[str, str]) -> dict[str, Any]:
    """The site's nodes, as `apply` takes them."""
    documents = json.loads(await run(*meridian("export", "--json"), env=env))["documents"]
    return {each["id"]: each["body"] for each in documents if each["kind"] == "node"}


async def applied(env: dict[str, str], folder: Path, content: dict[str, Any]) -> None:
    path = folder / "wanted.yaml"
    path.write_text(json.dumps(content))
    await run(*meridian("apply", "-f", str(path)), env=env)


@asynccontextmanager
async def roads(site: Site, env: dict[str, str], folder: Path) -> AsyncGenerator[dict[str, Road]]:
    """A road to each traffic node, by which the site sends everybody while the block runs."""
    nodes = await exported(env)
    async with contextlib.AsyncExitStack() as built:
        ways = {
            name: await built.enter_async_context(road(site.layout.node(name).relay))
            for name in FROM_THE_CUSTOMER
        }
        moved = {
            name: {**nodes[name], "public_address": {"host": "127.0.0.1", "port": way.port}}
            for name, way in ways.items()
        }
        await applied(env, folder, {**TEAM, "nodes": moved})
        try:
            await known(env, {way.port for way in ways.values()})
            yield ways
        finally:
            await applied(env, folder, {"nodes": {name: nodes[name] for name in ways}})
            await known(env, {site.layout.node(name).relay for name in ways})


async def known(env: dict[str, str], ports: set[int]) -> None:
    """Wait until the selectors send people to *ports*."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while ports != {each["port"] for each in (await explained(env))["choices"]}:
            await asyncio.sleep(0.2)


async def explained(env: dict[str, str], *more: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await run(*meridian("select", "--json", *more), env=env))
    return answer


def lengthen(ways: dict[str, Road], seconds: dict[str, float]) -> None:
    for name, way in ways.items():
        way.seconds = seconds[name]


def measured(env: dict[str, str]) -> dict[str, float]:
    """What the machine of *env* measured."""
    (known,) = json.loads((Path(env["MERIDIAN_HOME"]) / "latencies.json").read_text()).values()
    latencies: dict[str, float] = known["latencies_ms"]
    return latencies


@pytest.mark.timeout(300)
async def test_two_ends_meet_at_the_node_with_the_least_sum_of_their_latencies(
    site: Site, tmp_path: Path
) -> None:
    rita, carl = await signed_in(site, tmp_path / "rita"), environment(site, tmp_path / "carl")
    async with roads(site, rita, tmp_path) as ways:
        lengthen(ways, FROM_THE_CUSTOMER)
        arrive = await RunningProgram.start(
            "meridian arrive",
            *meridian("arrive", "127.0.0.1:9", "--at", "near", "--yes", "--json"),
            env=carl,
        )
        await arrive.wait_for("waiting")
        session = str((await arrive.wait_for("arrived"))["session"])
        lengthen(ways, FROM_THE_REPRESENTATIVE)
        await run(*meridian("session", "accept", session), env=rita)
        connect = await RunningProgram.start(
            "meridian connect",
            *meridian(
                "connect", "--key", session, "--listen", f"127.0.0.1:{free_port()}", "--json"
            ),
            env=rita,
        )
        nodes = [(await each.wait_for("connected"))["node"] for each in (arrive, connect)]
        await connect.stop()
        await arrive.stop()

        near = {"customer": measured(carl), "representative": measured(rita)}
        answer = await explained(rita, "--team", "near", *options(near))
    assert min(near["customer"], key=near["customer"].__getitem__) == "berlin"
    assert min(near["representative"], key=near["representative"].__getitem__) == "denver"
    assert nodes == ["tokyo", "tokyo"]
    first = answer["explanation"][0]
    assert (first["node"], first["region"], answer["policy"]) == ("tokyo", "ap", "pair")
    assert "ms from the customer" in first["reason"]
    assert "ms from the representative" in first["reason"]


def options(near: dict[str, dict[str, float]]) -> list[str]:
    """What `meridian select` is told of both ends' measurements."""
    customer = (f"--latency={name}={ms}" for name, ms in near["customer"].items())
    representative = (f"--other-latency={name}={ms}" for name, ms in near["representative"].items())
    return [*customer, *representative]
