"""The clocks of a whole site: each is measured, and one process that is 40 s off is named."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stack.site import Site
from tests.integration.messaging.faked_time import faked
from tests.integration.relay.cluster import process
from tests.system.people import Api, calling, run_meridian, signed_in

SECONDS = 60.0
NODE = "berlin"
NAMED = re.compile(rf"{NODE}: (its clock|the clock of its relay) is [34][09](\.\d)? s ahead")


async def until(read: Callable[[], Awaitable[Any]]) -> Any:
    """The first answer of *read* that is one."""
    async with asyncio.timeout(SECONDS):
        while not (found := await read()):
            await asyncio.sleep(0.2)
        return found


async def clocks(api: Api) -> dict[str, Any]:
    """The clock of each node that was measured."""
    nodes = (await api.call("GET", "/status"))["nodes"]
    return {each["node"]: each["clock"] for each in nodes if each["clock"]}


async def test_every_clock_of_a_site_is_measured_and_none_is_off(site: Site) -> None:
    services = {str(node.name) for node in site.layout.nodes if node.services}
    async with calling(site) as api:

        async def all_measured() -> dict[str, Any] | None:
            found = await clocks(api)
            return found if found.keys() == services else None

        found = await until(all_measured)
    assert all(abs(each["ahead_ms"]) <= each["error_ms"] + 5 for each in found.values())


@pytest.mark.timeout(180)
async def test_a_relay_that_is_40_s_off_is_dead_with_a_word_of_its_clock(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    await site.kill_node(NODE)
    async with calling(site) as api:
        with process("services.relay", {**site.environment(NODE, "relay"), **faked("+40s")}):

            async def named() -> str | None:
                _, table = await run_meridian(env, "status")
                is_dead = re.search(rf"{NODE} .*dead", table)
                return table if is_dead and NAMED.search(table) else None

            async def caused() -> dict[str, Any] | None:
                page = await api.call("GET", "/status/history")
                facts = (each for each in page["items"] if each["fact"] == "node.clock_changed")
                return next((each for each in facts if NODE in each["nodes"]), None)

            table = await until(named)
            event = await until(caused)
        await site.start_node(NODE)
    assert event["sentence"].endswith("s ahead, as its relay told"), table
    assert abs(event["body"]["ahead_ms"] - 40_000) < 1_000
