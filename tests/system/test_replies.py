"""A reply subject is a sender's choice; nothing of a site answers where it does not lead home.

Every live message of the catalogue is sent to every service that hears it, rightly signed and
unsigned, with every subject of every stream as its reply subject, and those that delete and purge
one. A tap on all of them hears no answer, and no stream is another one afterwards.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.events import CATALOGUE
from shared.events.message import Event
from stack.nats import EVENTS_INBOX, EVENTS_USER, READ_EVENTS, secret_name
from stack.site import Site
from tests.contract.golden import latest
from tests.system.raw_nats import RawNats, Received, connected, header_block
from tests.system.wire_dialect import HOST, SIGNATURE, Speaker, connect, credentials, site_file

STREAM_SUBJECTS = (
    "meridian.log.1.entry",
    "$KV.lease.primary",
    "meridian.session.00000000000000000000000000000000.state",
    "meridian.event.node.state_changed",
    "$O.SNAPSHOTS.C.x",
    "$O.SNAPSHOTS.M.x",
)
TAPPED = (
    *("meridian.log.>", "$KV.>", "meridian.session.>", "meridian.event.>", "$O.>"),
    *("$JS.API.STREAM.DELETE.*", "$JS.API.STREAM.PURGE.*"),
)
FORGETFUL = frozenset({"KV_lease", "OBJ_SNAPSHOTS"})
"""Streams that keep the last value of a subject only, so their first message is always another."""

IN_REPLY_TO = 5
SECONDS = 30.0
LIVE = tuple(message for message in CATALOGUE if not message.subject.stored)
HEARD_BY_GATEWAYS = frozenset({"NodeHeartbeat", "FollowerProgressed", "MasterGranted"})
BAD_REPLY = 'meridian_messages_rejected_total{reason="bad_reply"}'


def is_answer(message: Received) -> bool:
    """Whether somebody answered: nothing else is empty or names what it replies to."""
    fields = message.headers.get(SIGNATURE, "").split(";")
    names_a_request = len(fields) > IN_REPLY_TO and bool(fields[IN_REPLY_TO])
    return names_a_request or not message.payload or b"io.nats.jetstream.api" in message.payload


@asynccontextmanager
async def tap(state: Path) -> AsyncGenerator[list[Received]]:
    """What comes to a stream, or to what changes one; complete at the end.

    It has a connection of its own: the server tells a sender that nobody heard a request by an
    empty message at the reply subject, which only that connection can hear.
    """
    async with connect(credentials(state, "bravo.gateway")) as client:
        queues = [client.subscribe(subject) for subject in TAPPED]
        await client.flush()
        tapped: list[Received] = []
        yield tapped
        await client.flush()
        for queue in queues:
            while not queue.empty():
                tapped.append(queue.get_nowait())


@dataclass(frozen=True)
class Streams:
    """Every stream as its servers tell of it."""

    config: dict[str, Any]
    state: dict[str, Any]

    @staticmethod
    async def read(client: RawNats) -> "Streams":
        streams = (await client.jetstream("STREAM.LIST"))["streams"]
        asked = {"subjects_filter": ">"}
        states = {
            name: (await client.jetstream(f"STREAM.INFO.{name}", asked))["state"]
            for name in sorted(each["config"]["name"] for each in streams)
        }
        config = {each["config"]["name"]: (each["created"], each["config"]) for each in streams}
        return Streams(config, states)

    def require_grown_by(self, tapped: list[Received], before: "Streams") -> None:
        """Nothing was made, changed, purged or stored but what *tapped* heard, and no answer."""
        assert [each for each in tapped if is_answer(each)] == []
        assert self.config == before.config
        for name, (_, config) in self.config.items():
            stored = [each for each in tapped if _is_stored(each.subject, config["subjects"])]
            grown = self.state[name]["last_seq"] - before.state[name]["last_seq"]
            assert 0 <= grown <= len(stored), name
            if name not in FORGETFUL:
                assert self.state[name]["first_seq"] == before.state[name]["first_seq"], name
        assert self.state["LOG-1"]["subjects"].keys() == {"meridian.log.1.entry"}
        assert (
            self.state["KV_lease"]["subjects"].keys() == before.state["KV_lease"]["subjects"].keys()
        )


def _is_stored(subject: str, wildcards: list[str]) -> bool:
    """Whether a stream of *wildcards*, none with a `*`, keeps what comes to *subject*."""
    return any(subject == each or subject.startswith(each.removesuffix(">")) for each in wildcards)


def hostile(streams: Iterable[str]) -> tuple[str, ...]:
    verbs = ("DELETE", "PURGE")
    api = (f"$JS.API.STREAM.{verb}.{name}" for name in sorted(streams) for verb in verbs)
    return (*STREAM_SUBJECTS, *api)


def forms(message: type[Event], site: Site) -> Iterator[Event]:
    """*message* as it is sent to each service that hears it, or by each node that says it."""
    golden = latest(message.__name__)
    assert golden is not None, message.__name__
    if "node" not in message.subject.fields:
        yield message.model_validate(golden.payload)
        return
    wanted = message.subject.answered_by or message.subject.speakers
    for node in site.layout.nodes:
        if wanted & node.services.keys():
            yield message.model_validate({**golden.payload, "node": node.name})


def sender_of(event: Event) -> str:
    """A node and service that may say *event*."""
    declared = event.subject
    field = declared.sender_field
    node = "alpha" if field is None else getattr(event, field)
    services = sorted(declared.speakers)
    return f"{node}.{services[0]}"


async def refused(site: Site) -> dict[str, float]:
    """How many messages each service refused for their reply subject, by `node.service`."""
    ports = {
        f"{node.name}.{service}": port
        for node in site.layout.nodes
        for service, port in node.services.items()
    }
    counts = await asyncio.gather(*(asyncio.to_thread(_counted, port) for port in ports.values()))
    return dict(zip(ports, counts, strict=True))


def _counted(port: int) -> float:
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(BAD_REPLY))


async def until_refused(site: Site, before: dict[str, float], sent: int) -> dict[str, float]:
    """Wait until *sent* messages more were refused in all, and no more come; by service."""
    grown: dict[str, float] = {}
    async with asyncio.timeout(SECONDS):
        while True:
            await asyncio.sleep(0.5)
            now = await refused(site)
            new = {name: now[name] - before[name] for name in now}
            if new == grown and sum(new.values()) >= sent:
                return new
            grown = new


@pytest.mark.timeout(240)
async def test_no_reply_subject_of_any_message_leads_to_a_stream(site: Site) -> None:
    state = site.layout.state
    async with connect(credentials(state, "alpha.gateway")) as client:
        counted, sent, to_gateways = await refused(site), 0, 0
        async with tap(state) as tapped:
            before = await Streams.read(client)
            replies = hostile(before.config)
            assert len(replies) >= len(STREAM_SUBJECTS) + 2 * 5
            for message in LIVE:
                for event in forms(message, site):
                    sent += await attack(client, event, state, replies)
                    if message.__name__ in HEARD_BY_GATEWAYS:
                        to_gateways += 2 * len(replies)
            to_gateways += 2 * len(replies)  # each gateway hears its own `ProveGateway`
            grown = await until_refused(site, counted, sent)
            after = await Streams.read(client)
    assert {grown["alpha.gateway"], grown["bravo.gateway"]} == {to_gateways}
    assert all(count > 0 for count in grown.values()), grown
    after.require_grown_by(tapped, before)


async def attack(client: RawNats, event: Event, state: Path, replies: tuple[str, ...]) -> int:
    """Send *event* with each of *replies*, signed and unsigned; how many messages that were."""
    speaker = Speaker(credentials(state, sender_of(event)))
    payload = event.model_dump_json().encode()
    for reply in replies:
        head = header_block(speaker.signed(event.address, payload))
        client.send(event.address, payload, head, reply)
        client.send(event.address, payload, b"", reply)
    await client.flush()
    return 2 * len(replies)


def reader_port(state: Path, node: str) -> int:
    return next(
        int(each["nats"]["client"])
        for each in site_file(state)["nodes"]
        if each["place"]["name"] == node
    )


NEVER_ANYTHING = {
    "stream_name": "EVENTS",
    "config": {
        "name": "attack",
        "ack_policy": "explicit",
        "deliver_policy": "new",
        "filter_subject": "meridian.event.nothing.at.all",
        "inactive_threshold": 60 * 10**9,
    },
}
NEXT = "CONSUMER.MSG.NEXT.EVENTS.attack"
AT_ONCE = json.dumps({"batch": 1, "no_wait": True}).encode()
"""Asks a consumer for what it has; one that has nothing answers with an empty message."""


async def test_no_reply_subject_of_the_reader_leads_to_a_stream(site: Site) -> None:
    state = site.layout.state
    password = (state / "secrets" / secret_name(EVENTS_USER)).read_text().strip()
    port = reader_port(state, "bravo")
    async with (
        connect(credentials(state, "alpha.gateway")) as client,
        connected(HOST, port, EVENTS_USER, password) as reader,
    ):
        made = await client.jetstream("CONSUMER.CREATE.EVENTS.attack", NEVER_ANYTHING)
        assert "error" not in made, made
        async with tap(state) as tapped:
            before = await Streams.read(client)
            for subject in READ_EVENTS:
                question = subject.replace(">", "attack")
                for reply in hostile(before.config):
                    for body in (b"", AT_ONCE):
                        reader.send(question, body, b"", reply)
            await answered(reader)
            after = await Streams.read(client)
    after.require_grown_by(tapped, before)


async def answered(reader: RawNats) -> None:
    """Wait until all that *reader* asked before was answered, wherever the answers went."""
    inbox = f"{EVENTS_INBOX}.barrier"
    heard = reader.subscribe(inbox)
    for question in ("STREAM.INFO.EVENTS", "CONSUMER.INFO.EVENTS.attack", NEXT):
        reader.send(f"$JS.API.{question}", AT_ONCE if question == NEXT else b"", b"", inbox)
        async with asyncio.timeout(SECONDS):
            await heard.get()
