"""The composed site, as the README shows it: up, the primary lost and back, more of it."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from shared.domain.log import ReplicationMode
from stack.demo.programs import meridian, run
from tests.compose.site import Composed, shell, until_primary
from tests.system.people import run_meridian, talking, until

UP_SECONDS = 90.0
FAILOVER_SECONDS = 10.0


@pytest.mark.timeout(600)
async def test_a_new_site_is_healthy_within_90_seconds_once_the_image_is_built(
    site: Composed,
) -> None:
    assert site.seconds[0] <= UP_SECONDS
    assert await site.primary() in {"alpha", "bravo"}


@pytest.mark.timeout(600)
async def test_sessions_and_changes_go_on_when_the_primary_is_killed_and_it_returns_as_backup(
    site: Composed, tmp_path: Path
) -> None:
    env = site.person(tmp_path)
    await run(*meridian("login", "admin"), env=env)
    primary = await site.primary()
    assert primary is not None
    writer, stop = site.writer(), asyncio.Event()
    writing = asyncio.create_task(writer.run(stop))
    async with talking(env) as (carried, talk):
        await until(lambda: len(writer.acknowledged) > 5)
        await site.kill_master(primary)
        killed_at, echoed = time.monotonic(), talk.echoed
        await until(lambda: writer.acknowledged[-1][1] > killed_at)
        accepted = next(at for _, proposed, at in writer.acknowledged if proposed > killed_at)
        assert accepted - killed_at <= FAILOVER_SECONDS
        await until(lambda: talk.echoed > echoed + 100)
        assert talk.longest_pause < FAILOVER_SECONDS

        await site.start()
        assert carried.alive
    stop.set()
    await writing

    other = await until_primary(site, primary)
    assert {name for name, _, _ in writer.acknowledged} <= await writer.found()
    async with asyncio.timeout(30):
        while (await writer.propose_once("after"))["mode"] != ReplicationMode.SYNCHRONOUS:
            await asyncio.sleep(0.5)
    answer = await writer.propose_once("kept-by-both")
    assert set(answer["durable_on"]) == {primary, other}


@pytest.mark.timeout(300)
async def test_three_selectors_share_the_requests(site: Composed, tmp_path: Path) -> None:
    env = site.person(tmp_path)
    await run(*meridian("login", "admin"), env=env)
    await site.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "node-selector=3")
    before = [await _selections(site, number) for number in (1, 2, 3)]
    for _ in range(8):
        await asyncio.gather(*(run(*meridian("select"), env=env) for _ in range(3)))
    after = [await _selections(site, number) for number in (1, 2, 3)]

    shares = [late - early for early, late in zip(before, after, strict=True)]
    assert sum(shares) >= 24
    assert min(shares) > 0


@pytest.mark.timeout(300)
async def test_make_traffic_node_says_which_two_commands_make_it_serve(
    site: Composed, tmp_path: Path
) -> None:
    env = site.person(tmp_path)
    made = await site.make("traffic-node", NODE="lisbon", RELAY_PORT=site.env["RELAY_PORT"])
    await run(*meridian("login", "admin"), env=env)
    assert "lisbon" not in await run(*meridian("status"), env=env)

    commands = [line.strip() for line in made.splitlines() if line.startswith("  ")]
    assert len(commands) == 2
    for command in commands:
        code, output = await shell("sh", "-c", command, env={"MERIDIAN_HOME": str(tmp_path)})
        assert code == 0, output

    async with asyncio.timeout(30):
        while (await run_meridian(env, "sync", "lisbon"))[0] != 0:
            await asyncio.sleep(0.5)


@pytest.mark.timeout(300)
async def test_make_traffic_node_with_yes_ends_with_a_node_that_serves(
    site: Composed, tmp_path: Path
) -> None:
    variables = {"RELAY_PORT": site.env["RELAY_PORT"], "REGION": "us", "YES": "1"}
    made = await site.make("traffic-node", NODE="lisbon", **variables)
    assert made.splitlines()[-1] == f"lisbon serves at 127.0.0.1:{site.env['RELAY_PORT']}"

    env = site.person(tmp_path)
    await run(*meridian("login", "admin"), env=env)
    status = json.loads(await run(*meridian("status", "--json"), env=env))
    lisbon = next(node for node in status["nodes"] if node["node"] == "lisbon")
    assert (lisbon["liveness"], lisbon["region"], lisbon["lag"]) == ("alive", "us", 0)
    code, explained = await run_meridian(env, "select", "--explain")
    assert code == 0
    assert "lisbon" in explained


@pytest.mark.timeout(300)
async def test_one_more_gateway_lets_people_in(site: Composed, tmp_path: Path) -> None:
    await site.make("gateway", NODE="alpha", GATEWAY_PORT=site.env["GATEWAY_PORT"])
    env = site.person(tmp_path)
    env["MERIDIAN_SITE"] = f"https://127.0.0.1:{site.env['GATEWAY_PORT']}"

    assert "signed in as admin" in await run(*meridian("login", "admin"), env=env)
    assert json.loads(await run(*meridian("status", "--json"), env=env))["seen_by"] == "alpha"


async def _selections(site: Composed, number: int) -> float:
    counters = await site.metrics("node-selector", number)
    name = 'meridian_messages_received_total{message="ExplainSelection"}'
    return counters.get(name, 0.0)
