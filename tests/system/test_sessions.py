"""Sessions of real programs while the site loses its parts."""

import asyncio
import json
import shlex
from pathlib import Path

import pytest

from shared.domain.node import NodeRole
from stack.demo.programs import RunningProgram, meridian, run
from stack.demo.session import Carried
from stack.demo.target import free_port
from stack.site import Site
from tests.system.people import signed_in, talking, until

ALONE_SECONDS = 12.0
"""Longer than grants, leases and presence live."""


@pytest.mark.timeout(240)
async def test_a_session_goes_on_when_its_traffic_node_is_killed(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with talking(env) as (carried, talk):
        node = carried.node
        await site.kill_node(node)
        try:
            await until(lambda: bool(carried.resumptions))
            before = talk.echoed
            await until(lambda: talk.echoed > before + 10)

            assert carried.node != node
            assert talk.longest_pause < 10.0
        finally:
            await site.start_node(node)


@pytest.mark.timeout(400)
async def test_the_running_session_outlives_the_whole_control_plane(
    own_site: Site, tmp_path: Path
) -> None:
    env = await signed_in(own_site, tmp_path)
    async with talking(env) as (carried, talk):
        await own_site.stop_control_plane()
        begun = talk.echoed
        await asyncio.sleep(ALONE_SECONDS)
        assert talk.echoed > begun + 100
        assert talk.longest_pause < 5.0

        traffic_nodes = [node.name for node in own_site.layout.with_role(NodeRole.TRAFFIC)]
        last_node = carried.node
        for node in traffic_nodes:
            await own_site.kill_node(node)
        stopped = talk.echoed
        await own_site.start_service(last_node, "relay")
        await until(lambda: talk.echoed > stopped + 100)

        assert carried.node == last_node


@pytest.mark.timeout(240)
async def test_the_line_for_the_customer_works_on_a_machine_that_knows_nothing(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path / "representative")
    opened = json.loads(await run(*meridian("session", "open", "--json"), env=env))
    words = shlex.split(opened["share"].replace("HOST:PORT", f"127.0.0.1:{free_port()}"))[1:]
    elsewhere = {"MERIDIAN_HOME": str(tmp_path / "customer")}
    share = await RunningProgram.start("share", *meridian(*words, "--yes", "--json"), env=elsewhere)
    assert (await share.wait_for("joined"))["session"] == opened["session"]
    await share.stop()
    assert share.process.returncode == 0


@pytest.mark.timeout(240)
async def test_a_closed_session_ends_at_both_ends(site: Site, tmp_path: Path) -> None:
    env = await signed_in(site, tmp_path)
    carried = await Carried.open(free_port(), free_port(), env)
    await run(*meridian("session", "close", carried.session), env=env)

    codes = await asyncio.gather(carried.share.finished(), carried.connect.finished())
    assert [code for code, _ in codes] == [0, 0]
