"""Two monitors as they run in a site, on real servers: taken, renewed, taken over, given back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable

import pytest
import pytest_asyncio
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.domain.ids import NodeId
from tests.integration.failover_monitor.site import MONITOR, Masters, masters

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STREAMS = ("LOG-1", "KV_lease", "SESSIONS", "EVENTS")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncGenerator[Masters]:
    async with masters() as site:
        await site.start("alpha")
        await site.start("bravo")
        await site.until(lambda: site.acting() == "alpha" and could(site, "bravo"))
        yield site


def could(site: Masters, node: str) -> bool:
    beat = site.heartbeats.get(node, {})
    return bool(beat.get("could_take_over"))


async def leaders(site: Masters) -> dict[str, str]:
    js, system = JetStreamContext(site.client), site.system
    question = json.dumps({"leader_only": True}).encode()
    answer = await system.request("$SYS.REQ.SERVER.PING.JSZ", question, timeout=1)
    meta = json.loads(answer.data)["data"]["meta_cluster"]
    found = {"meta": str(meta.get("leader", ""))}
    for name in STREAMS:
        info = await js.stream_info(name)
        found[name] = str(info.cluster.leader) if info.cluster else ""
    return found


async def test_the_first_master_becomes_primary_and_the_other_says_that_it_could(
    site: Masters,
) -> None:
    assert site.grants[0].epoch == 1
    await site.until(lambda: site.heartbeats["alpha"]["role"] == "primary", 1)
    assert site.heartbeats["bravo"]["role"] == "backup"
    assert site.heartbeats["bravo"]["reasons"] == []
    assert site.heartbeats["bravo"]["applied_revision"] == 0


async def until_leaders(site: Masters, condition: Callable[[dict[str, str]], bool]) -> None:
    async with asyncio.timeout(25):
        while True:
            with contextlib.suppress(NatsError):
                if condition(await leaders(site)):
                    return
            await asyncio.sleep(0.05)


async def test_the_streams_are_made_and_every_leader_goes_to_the_witness(site: Masters) -> None:
    await until_leaders(site, lambda found: set(found.values()) == {"witness"})


async def send_leader(site: Masters, group: str, node: str) -> None:
    """Order the leader to *node* until it was seen there: the monitor may be quicker than us."""
    order = json.dumps({"placement": {"preferred": node}}).encode()
    client, subject = site.client, f"$JS.API.STREAM.LEADER.STEPDOWN.{group}"
    if group == "meta":
        client, subject = site.system, "$JS.API.META.LEADER.STEPDOWN"
    async with asyncio.timeout(25):
        while True:
            with contextlib.suppress(NatsError):
                await client.request(subject, order, timeout=1)
                if (await leaders(site))[group] == node:
                    return
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("node", ["alpha", "bravo"])
@pytest.mark.parametrize("group", [*STREAMS, "meta"])
async def test_a_leader_that_came_to_a_master_is_sent_to_the_witness(
    site: Masters, group: str, node: str
) -> None:
    await send_leader(site, group, node)
    await until_leaders(site, lambda found: found[group] == "witness")
    assert site.acting() == "alpha"


async def test_a_lease_that_somebody_deleted_is_taken_again(site: Masters) -> None:
    epoch = site.grants[-1].epoch
    await (await JetStreamContext(site.client).key_value("lease")).delete("primary")
    await site.until(lambda: site.acting() is not None and site.grants[-1].epoch > epoch, 8)
    assert site.acting() == "alpha", "the first master need not wait for the others"
    await site.until(lambda: could(site, "bravo"))


async def test_a_killed_holder_is_replaced_and_comes_back_as_backup(site: Masters) -> None:
    epoch = site.grants[-1].epoch
    await site.kill("alpha", MONITOR)
    assert await site.until(lambda: site.acting() == "bravo", 5) < 2.5
    assert site.grants[-1].epoch == epoch + 1
    await site.start("alpha")
    await site.until(lambda: site.heartbeats["alpha"]["role"] == "backup" and could(site, "alpha"))
    assert site.acting() == "bravo"


async def test_a_primary_whose_config_commits_nothing_gives_way(site: Masters) -> None:
    site.deaf.add("bravo")
    await site.until(lambda: site.acting() == "alpha", 15)
    site.deaf.clear()
    await site.until(lambda: could(site, NodeId("bravo")))


async def test_a_whole_master_is_killed_and_the_other_takes_over(site: Masters) -> None:
    before = site.acting()
    assert before == "alpha"
    epoch = site.grants[-1].epoch
    await site.kill("alpha")
    assert await site.until(lambda: site.acting() == "bravo", 12) < 4
    assert site.grants[-1].epoch == epoch + 1


async def test_the_majority_of_servers_is_lost_and_comes_back_and_the_role_stays(
    site: Masters,
) -> None:
    epoch = site.grants[-1].epoch
    await site.kill("witness", "nats")
    await site.until(lambda: site.acting() is None, 5)
    for node in ("alpha", "witness"):
        await site.crew.start(site.crew.layout.node(node), "nats")
    await site.until(lambda: site.acting() == "bravo")
    assert site.grants[-1].epoch == epoch
