"""What a reply subject did at commit b1fc32a: delete the log, write into it and into the lease."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.system.black_box import BlackBox
from tests.system.disposable import Sites
from tests.system.mended import FaultShown
from tests.system.raw_nats import RawNats, Received, connected
from tests.system.wire_dialect import HOST, Speaker, site_file

SECONDS = 30.0
LOG = "LOG-1"
DELETE_LOG = f"$JS.API.STREAM.DELETE.{LOG}"
BAD_REPLY = 'meridian_messages_rejected_total{reason="bad_reply"}'
READER = "events"
INBOXES = tuple(f"{prefix}.answers" for prefix in ("_INBOX.events", "_INBOX_events"))
"""Where the reader may listen, now and at that commit."""

STORED_AT = ("meridian.log.1.entry", "$KV.lease.primary")
HEARTBEAT = {
    "node": "berlin",
    "service": "relay",
    "version": "1",
    "started_unix_ms": 1,
    "sessions": 0,
    "accepting": True,
}


@pytest.mark.mends(sign="stream gone")
@pytest.mark.timeout(240)
async def test_a_heartbeat_cannot_delete_the_log(sites: Sites) -> None:
    async with sites.disposable() as site, site.connect() as client:
        assert LOG in await site.streams()
        speaker = Speaker(site.credentials("berlin.relay"))
        subject, payload = "meridian.node.berlin.heartbeat", json.dumps(HEARTBEAT).encode()
        head = speaker.block(subject, payload)
        client.send(subject, payload, head, DELETE_LOG)
        await client.flush()
        await until_known(site)


async def until_known(site: BlackBox) -> None:
    """Wait until both gateways have counted the heartbeat as refused.

    Raises:
        FaultShown: the log is gone.
    """
    async with asyncio.timeout(SECONDS):
        while True:
            if LOG not in await site.streams():
                raise FaultShown("stream gone", f"the answer to a heartbeat deleted {LOG}")
            replies = [await site.get(f"{node}.gateway", "/metrics") for node in ("alpha", "bravo")]
            if all(f"{BAD_REPLY} 1.0".encode() in body for _, body in replies):
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def connected_reader(state: Path) -> AsyncGenerator[tuple[RawNats, asyncio.Queue[bytes]]]:
    """The read-only user of events, and what comes to its inbox."""
    password = (state / "secrets" / f"nats-{READER}").read_text().strip()
    nodes = site_file(state)["nodes"]
    port = next(each["nats"]["client"] for each in nodes if each["place"]["name"] == "bravo")
    async with connected(HOST, port, READER, password) as reader:
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        async def collect(queue: asyncio.Queue[Received]) -> None:
            while True:
                answers.put_nowait((await queue.get()).payload)

        tasks = [asyncio.create_task(collect(reader.subscribe(inbox))) for inbox in INBOXES]
        await reader.flush()
        try:
            yield reader, answers
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def ask(reader: RawNats, answers: asyncio.Queue[bytes], verb: str, body: object) -> bytes:
    """JetStream's answer to the reader, which has dealt with all that it asked before."""
    for inbox in INBOXES:
        reader.send(f"$JS.API.{verb}", json.dumps(body).encode() if body else b"", b"", inbox)
    async with asyncio.timeout(SECONDS):
        return await answers.get()


@pytest.mark.mends(sign="reply wrong")
@pytest.mark.timeout(240)
async def test_the_reader_of_events_writes_nowhere_by_a_reply_subject(sites: Sites) -> None:
    async with (
        sites.disposable() as site,
        site.connect() as client,
        connected_reader(site.state) as (reader, answers),
    ):
        stored = [client.subscribe(subject) for subject in STORED_AT]
        await client.flush()
        for subject in STORED_AT:
            reader.send("$JS.API.STREAM.INFO.EVENTS", b"", b"", subject)
        replies = await ask(reader, answers, "STREAM.INFO.EVENTS", None)
        assert b"stream_info_response" in replies
        await client.flush()
        for queue in stored:
            while not queue.empty():
                message = queue.get_nowait()
                if b"stream_info_response" in message.payload:
                    raise FaultShown("reply wrong", f"an answer came to {message.subject}")


@pytest.mark.mends(sign="stream gone")
@pytest.mark.timeout(240)
async def test_the_reader_of_events_cannot_delete_the_log_by_an_empty_answer(sites: Sites) -> None:
    config = {
        "name": "nothing",
        "ack_policy": "none",
        "filter_subject": "meridian.event.nothing.at.all",
        "inactive_threshold": 60 * 10**9,
    }
    request = {"batch": 1, "no_wait": True}
    async with (
        sites.disposable() as site,
        connected_reader(site.state) as (reader, answers),
    ):
        made = {"stream_name": "EVENTS", "config": config}
        replies = await ask(reader, answers, "CONSUMER.CREATE.EVENTS.nothing", made)
        assert b'"error"' not in replies, replies
        next_event = "CONSUMER.MSG.NEXT.EVENTS.nothing"
        assert await ask(reader, answers, next_event, request) == b""
        reader.send(f"$JS.API.{next_event}", json.dumps(request).encode(), b"", DELETE_LOG)
        assert await ask(reader, answers, next_event, request) == b""
        if LOG not in await site.streams():
            raise FaultShown("stream gone", f"the reader's empty answer deleted {LOG}")
