"""Two monitors as they run in a site, on real servers: taken, renewed, taken over, given back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
import pytest_asyncio
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.failover_monitor.core.record import LeaseRecord
from services.failover_monitor.lease.store import KEY_SUBJECT, RecordSigner
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.runtime.clock import SystemClock
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


STRANGER = NodeId("stranger")


def signed_by_nobody_known() -> bytes:
    """A whole record, larger in every way, with the key of a node that the site does not know."""
    key = NodeKey.generate()
    trust = TrustStore(ClusterId("c"), LogGeneration(1), {STRANGER: key.public_b64})
    record = LeaseRecord(Epoch(99), STRANGER, "s1", 1, 60.0, 1.0)
    return RecordSigner(STRANGER, key, trust).sign(record)


async def put(site: Masters, data: bytes) -> None:
    await JetStreamContext(site.client).publish(KEY_SUBJECT, data)


async def put_deep(site: Masters) -> None:
    await put(site, b"[" * 200_000)


async def put_no_ascii(site: Masters) -> None:
    await put(site, '{"record":"ä","signer":"ö","signature":"ü"}'.encode())


async def put_a_strangers_record(site: Masters) -> None:
    await put(site, signed_by_nobody_known())


async def put_a_copy(site: Masters) -> None:
    """The last record, once more, as whoever reads the key can put it there."""
    jetstream = JetStreamContext(site.client)
    last = await jetstream.get_last_msg("KV_lease", KEY_SUBJECT)
    await jetstream.publish(KEY_SUBJECT, last.data or b"")


async def delete(site: Masters) -> None:
    await (await JetStreamContext(site.client).key_value("lease")).delete("primary")


async def purge(site: Masters) -> None:
    await JetStreamContext(site.client).purge_stream("KV_lease", subject=KEY_SUBJECT)


Spoil = Callable[[Masters], Awaitable[None]]
SPOILS: tuple[Spoil, ...] = (
    *(put_deep, put_no_ascii, put_a_strangers_record, put_a_copy),
    *(delete, purge),
)


@pytest.mark.parametrize("spoil", SPOILS)
async def test_whatever_is_put_into_the_key_the_primary_goes_on_in_its_epoch(
    site: Masters, spoil: Spoil
) -> None:
    clock, epoch = SystemClock(), site.grants[-1].epoch
    await spoil(site)
    end = clock.now() + 2.5
    while clock.now() < end:
        assert site.acting() == "alpha", "it acts at every moment"
        await asyncio.sleep(0.01)
    assert site.grants[-1].epoch == epoch
    assert site.grants[-1].at > end - 1, "it renews"
    await site.until(lambda: could(site, "bravo"))


async def test_the_primary_goes_on_while_junk_is_written_twenty_times_a_second(
    site: Masters,
) -> None:
    epoch = site.grants[-1].epoch
    for _ in range(100):
        await put(site, b"junk")
        assert site.acting() == "alpha"
        await asyncio.sleep(0.05)
    assert site.grants[-1].epoch == epoch
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
        await site.processes.start(site.processes.layout.node(node), "nats")
    await site.until(lambda: site.acting() == "bravo")
    assert site.grants[-1].epoch == epoch
