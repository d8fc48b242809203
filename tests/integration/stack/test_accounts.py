# pyright: reportUnknownMemberType=false
"""What each user of the servers can do to a stream by a reply subject, and what it still can.

Whatever fails as expected here needs rights for each service and an account for `EVENTS`.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js.errors import NotFoundError

from shared.domain.ids import LogGeneration
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import EVENTS, SESSIONS
from stack.nats import EVENTS_USER, LIVE_EVENTS, READ_EVENTS, SERVICE_USER
from tests.integration.stack.log_servers import LogServers, log_servers, make_log

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

STREAMS = ("LOG-1", "KV_lease", SESSIONS, EVENTS, "OBJ_SNAPSHOTS")
STORED_AT = (
    "meridian.log.1.entry",
    "$KV.lease.primary",
    "meridian.session.s.state",
    "meridian.event.node.state_changed",
    "$O.SNAPSHOTS.C.x",
    "$O.SNAPSHOTS.M.x",
)
HOSTILE = (
    *STORED_AT,
    *(f"$JS.API.STREAM.{verb}.{name}" for name in STREAMS for verb in ("DELETE", "PURGE")),
)
NO_EVENT = "meridian.event.nothing.at.all"
AT_ONCE = json.dumps({"batch": 1, "no_wait": True}).encode()
NEXT = "$JS.API.CONSUMER.MSG.NEXT.EVENTS.nothing"
SECONDS = 10.0
HARM_SECONDS = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers() -> AsyncGenerator[LogServers]:
    async with log_servers() as found:
        yield found


async def snapshot(servers: LogServers) -> dict[str, Any]:
    """Every stream: when it was made, its configuration, what it holds."""
    async with servers.connected(SERVICE_USER, "witness") as client:
        jetstream = jetstream_of(client, SECONDS)
        reply = {name: await jetstream.stream_info(name, subjects_filter=">") for name in STREAMS}
    return {
        name: (info.created, info.config, info.state.last_seq, info.state.messages, subjects(info))
        for name, info in reply.items()
    }


def subjects(info: Any) -> dict[str, int]:
    return dict(info.state.subjects or {})


async def with_consumer(client: Client) -> None:
    """A pull consumer that never has anything, and so answers with an empty message."""
    config = {"name": "nothing", "ack_policy": "explicit", "filter_subject": NO_EVENT}
    body = json.dumps({"stream_name": EVENTS, "config": config}).encode()
    answer = await client.request("$JS.API.CONSUMER.CREATE.EVENTS.nothing", body, timeout=SECONDS)
    assert "error" not in json.loads(answer.data), answer.data
    await all_answered(client)


async def all_answered(client: Client) -> None:
    """Wait until JetStream has answered what was asked before, wherever the answers went."""
    answer = await client.request("$JS.API.STREAM.INFO.EVENTS", b"", timeout=SECONDS)
    assert answer.data
    async with asyncio.timeout(SECONDS):
        while True:  # a consumer that was just made is not known to every server at once
            with contextlib.suppress(NoRespondersError):
                answer = await client.request(NEXT, AT_ONCE, timeout=SECONDS)
                break
            await asyncio.sleep(0.05)
    assert answer.headers == {"Status": "404", "Description": "No Messages"}


async def test_the_reader_changes_no_stream_whatever_reply_subject_it_names(
    servers: LogServers,
) -> None:
    async with servers.connected(EVENTS_USER, "bravo") as reader:
        await with_consumer(reader)
        before = await snapshot(servers)
        for subject in READ_EVENTS:
            for reply in HOSTILE:
                for body in (b"", AT_ONCE):
                    await reader.publish(subject.replace(">", "nothing"), body, reply)
        await all_answered(reader)
    await stays(servers, before)


async def stays(servers: LogServers, before: dict[str, Any]) -> None:
    """Nothing changes within a while that is long for the servers."""
    end = asyncio.get_running_loop().time() + HARM_SECONDS
    while asyncio.get_running_loop().time() < end:
        assert await snapshot(servers) == before
        await asyncio.sleep(0.2)


async def test_the_same_by_the_services_user_changes_them_so_the_attack_is_one(
    servers: LogServers,
) -> None:
    subject = "$O.SNAPSHOTS.C.attack"
    async with servers.connected(SERVICE_USER, "bravo") as client:
        await with_consumer(client)
        await client.publish("$JS.API.STREAM.INFO.EVENTS", b"", subject)
        await all_answered(client)
        jetstream = jetstream_of(client, SECONDS)
        async with asyncio.timeout(SECONDS):
            while not subjects(
                await jetstream.stream_info("OBJ_SNAPSHOTS", subjects_filter=subject)
            ):
                await asyncio.sleep(0.05)


async def test_the_reader_hears_events_live_and_nothing_else_of_the_site(
    servers: LogServers,
) -> None:
    async with (
        servers.connected(EVENTS_USER, "bravo") as reader,
        servers.connected(SERVICE_USER) as service,
    ):
        heard = await reader.subscribe(LIVE_EVENTS)
        await reader.flush()
        await asyncio.wait_for(_until_heard(service, heard), SECONDS)


async def _until_heard(service: Client, heard: Any) -> None:
    """Tell an event until it is heard: interest travels to the other servers by itself."""
    while not heard.pending_msgs:
        await service.publish("meridian.event.a.b", b"news")
        await service.publish("meridian.node.alpha.heartbeat", b"no news")
        await service.flush()
        await asyncio.sleep(0.05)
    message = await heard.next_msg(timeout=SECONDS)
    assert (message.subject, message.data) == ("meridian.event.a.b", b"news")


NEEDS_RIGHTS = "one user for all services: needs rights by subject for each of them"
NEEDS_ACCOUNT = "a consumer delivers in its stream's account: EVENTS needs one of its own"
Attack = Callable[[Client, LogServers], Awaitable[None]]


async def delete_by_order(client: Client, _: LogServers) -> None:
    await client.request("$JS.API.STREAM.DELETE.LOG-9", b"", timeout=SECONDS)


async def delete_by_an_empty_answer(client: Client, _: LogServers) -> None:
    await with_consumer(client)
    await client.publish(NEXT, AT_ONCE, "$JS.API.STREAM.DELETE.LOG-9")
    await all_answered(client)


async def write_by_an_answer(client: Client, _: LogServers) -> None:
    await with_consumer(client)
    await client.publish("$JS.API.STREAM.INFO.EVENTS", b"", "meridian.log.9.entry")
    await all_answered(client)


async def write_by_an_acknowledgement(client: Client, _: LogServers) -> None:
    await with_consumer(client)
    await client.publish("meridian.session.s.state", b"fact", "meridian.log.9.entry")
    await all_answered(client)


async def write_by_a_push_consumer(client: Client, servers: LogServers) -> None:
    config = {
        "name": "push",
        "ack_policy": "none",
        "filter_subject": NO_EVENT,
        "deliver_subject": "meridian.log.9.entry",
    }
    body = json.dumps({"stream_name": EVENTS, "config": config}).encode()
    answer = await client.request("$JS.API.CONSUMER.CREATE.EVENTS.push", body, timeout=SECONDS)
    if "error" in json.loads(answer.data):
        return
    async with servers.connected(SERVICE_USER) as service:
        await jetstream_of(service, SECONDS).publish(NO_EVENT, b"news")


@pytest.mark.parametrize(
    ("user", "attack"),
    [
        pytest.param(user, attack, marks=pytest.mark.xfail(reason=why, raises=AssertionError))
        for user, attack, why in (
            (SERVICE_USER, delete_by_order, NEEDS_RIGHTS),
            (SERVICE_USER, delete_by_an_empty_answer, NEEDS_RIGHTS),
            (SERVICE_USER, write_by_an_answer, NEEDS_RIGHTS),
            (SERVICE_USER, write_by_an_acknowledgement, NEEDS_RIGHTS),
            (SERVICE_USER, write_by_a_push_consumer, NEEDS_RIGHTS),
            (EVENTS_USER, write_by_a_push_consumer, NEEDS_ACCOUNT),
        )
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
async def test_nobody_harms_a_log_that_is_not_his(
    servers: LogServers, user: str, attack: Attack
) -> None:
    async with servers.connected(SERVICE_USER) as client:
        await make_log(client, LogGeneration(9))
        jetstream = jetstream_of(client, SECONDS)
        try:
            async with servers.connected(user, "bravo") as attacker:
                await attack(attacker, servers)
            assert await harmed(client) == "not"
        finally:
            with contextlib.suppress(NotFoundError):
                await jetstream.delete_consumer(EVENTS, "push")
            with contextlib.suppress(NotFoundError):
                await jetstream.delete_stream("LOG-9")


async def harmed(client: Client) -> str:
    """What became of the log within a while that is long for the servers."""
    jetstream = jetstream_of(client, SECONDS)
    try:
        async with asyncio.timeout(HARM_SECONDS):
            while not (await jetstream.stream_info("LOG-9")).state.messages:
                await asyncio.sleep(0.05)
    except NotFoundError:
        return "deleted"
    except TimeoutError:
        return "not"
    return "written into"
