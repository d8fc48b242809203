"""Who hears what on a running site, as its NATS servers say it; nothing here is written by hand.

Core subscriptions come from each server's list of connections, whose names begin with
`node.service`. Consumers are listed by their streams: a push consumer delivers to its reader's own
inbox, whose name tells the reader. Who pulls, or reads by message get, is seen asking.
"""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stack.layout import Layout
from stack.ports import HOST
from tests.system.raw_nats import RawNats, Received

ASKING: Final = (
    "$JS.API.CONSUMER.MSG.NEXT.>",
    "$JS.API.STREAM.MSG.GET.>",
    "$JS.API.DIRECT.GET.>",
)
INBOX: Final = "_INBOX."
BROKER: Final = "broker"


@dataclass(frozen=True, slots=True)
class Ear:
    """One subscription of *service* (`node.service`); *queue* is its group, if it has one."""

    service: str
    subject: str
    queue: str = ""

    def hears(self, subject: str) -> bool:
        return matches(self.subject, subject)


@dataclass(frozen=True, slots=True)
class Audience:
    """Services that are counted together, and how often a message reaches them."""

    services: frozenset[str]
    times: int


@dataclass(frozen=True, slots=True)
class Requester:
    """The connection over which *service* asks: the server that it is at, and its inbox there."""

    service: str
    server: str
    inbox: str


@dataclass
class Readers:
    """What was found out: subscriptions, consumers by stream, and who polls which key."""

    ears: list[Ear] = field(default_factory=list[Ear])
    consumers: dict[str, list[Ear]] = field(default_factory=dict[str, list[Ear]])
    requesters: list["Requester"] = field(default_factory=list["Requester"])
    polled: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """How often each service asked for the last message of a subject while it was watched."""

    def of_live(self, subject: str) -> list[Audience]:
        return audiences(ear for ear in self.ears if ear.hears(subject))

    def of_stored(self, stream: str, subject: str) -> list[Audience]:
        return audiences(ear for ear in self.consumers.get(stream, []) if ear.hears(subject))

    def concrete(self, wildcard: str) -> list[str]:
        """The subjects below *wildcard* that somebody names in full."""
        found = {ear.subject for ear in self.ears if "*" not in ear.subject}
        return sorted(subject for subject in found if matches(wildcard, subject))


def matches(pattern: str, subject: str) -> bool:
    """Whether a subscription to *pattern* gets what is sent to *subject*."""
    ours, theirs = pattern.split("."), subject.split(".")
    for number, token in enumerate(ours):
        if token == ">":
            return len(theirs) > number
        if number >= len(theirs) or token not in ("*", theirs[number]):
            return False
    return len(ours) == len(theirs)


def audiences(ears: Iterable[Ear]) -> list[Audience]:
    """Who is counted together: the members of a queue group, with all that they hear alone."""
    alone: Counter[str] = Counter()
    groups: dict[str, set[str]] = {}
    for ear in ears:
        if ear.queue:
            groups.setdefault(ear.queue, set()).add(ear.service)
        else:
            alone[ear.service] += 1
    parts: list[tuple[set[str], int]] = [({service}, times) for service, times in alone.items()]
    for members in groups.values():
        touched = [part for part in parts if part[0] & members]
        parts = [part for part in parts if not part[0] & members]
        together = members.union(*(part[0] for part in touched))
        parts.append((together, 1 + sum(part[1] for part in touched)))
    return [Audience(frozenset(services), times) for services, times in parts]


async def find(layout: Layout, client: RawNats, watch_seconds: float) -> Readers:
    """Look around; for *watch_seconds* at who asks the streams."""
    readers = Readers()
    asking = [client.subscribe(subject) for subject in ASKING]
    await client.flush()
    await asyncio.sleep(watch_seconds)
    asked = [each.get_nowait() for heard in asking for each in [*_waiting(heard)]]
    connections = await asyncio.to_thread(_connections, layout)
    readers.ears = [ear for _, each in connections for ear in _heard_by(each, layout)]
    readers.requesters = [
        Requester(service, server, inbox)
        for server, each in connections
        if (service := _service(str(each.get("name", "")), layout))
        and (inbox := _asking_inbox(str(each["name"])))
    ]
    pulled = _pullers(asked)
    reply = await client.jetstream("STREAM.NAMES", {})
    for stream in reply["streams"]:
        listed = await client.jetstream(f"CONSUMER.LIST.{stream}", {})
        readers.consumers[stream] = [
            ear for each in listed["consumers"] for ear in _consumer(each, pulled)
        ]
    readers.polled = _polled(asked)
    return readers


def _waiting(heard: "asyncio.Queue[Received]") -> list["asyncio.Queue[Received]"]:
    return [heard] * heard.qsize()


def _connections(layout: Layout) -> list[tuple[str, Mapping[str, Any]]]:
    """Every connection of every server, as its server describes it, and that server's name."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for node in layout.servers:
        assert node.nats is not None, "a server has ports"
        url = f"http://{HOST}:{node.nats.monitor}/connz?subs=detail&limit=1024"
        with urllib.request.urlopen(url, timeout=5) as answer:
            reply: dict[str, Any] = json.load(answer)
        found += [(str(node.name), each) for each in reply["connections"]]
    return found


def _heard_by(connection: Mapping[str, Any], layout: Layout) -> list[Ear]:
    service = _service(str(connection.get("name", "")), layout)
    heard: list[dict[str, str]] = connection.get("subscriptions_list_detail") or []
    return [
        Ear(service, each["subject"], each.get("qgroup", ""))
        for each in heard
        if service and not each["subject"].startswith(INBOX)
    ]


def _asking_inbox(name: str) -> str:
    """The inbox of a connection over which requests are asked; empty for the others."""
    identity, _, purpose = name.partition("/")
    return f"{INBOX}{identity}" if purpose == BROKER else ""


def _service(name: str, layout: Layout) -> str:
    """The `node.service` that a connection's name begins with; empty for others'."""
    known = {f"{node.name}.{service}" for node in layout.nodes for service in node.services}
    begun = ".".join(name.split(".")[:2])
    return begun if begun in known else ""


def by_inbox(inbox: str) -> str:
    """The `node.service` whose inbox this is; empty for another kind of subject."""
    if not inbox.startswith(INBOX):
        return ""
    return ".".join(inbox.removeprefix(INBOX).split(".")[:2])


def _pullers(asked: list[Received]) -> dict[tuple[str, str], set[str]]:
    """Who asked for the next message of which consumer: by stream and consumer."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in asked:
        words = each.subject.split(".")
        if words[2:5] == ["CONSUMER", "MSG", "NEXT"]:
            found.setdefault((words[5], words[6]), set()).add(by_inbox(each.reply))
    return found


def _consumer(reply: Mapping[str, Any], pulled: dict[tuple[str, str], set[str]]) -> list[Ear]:
    config = reply["config"]
    filters = config.get("filter_subjects") or [config.get("filter_subject") or ">"]
    inbox = config.get("deliver_subject")
    who = {by_inbox(inbox)} if inbox else pulled.get((reply["stream_name"], reply["name"]), set())
    return [Ear(service, each) for service in who if service for each in filters]


def _polled(asked: list[Received]) -> dict[str, Counter[str]]:
    """How often each service asked for the last message of each subject."""
    found: dict[str, Counter[str]] = {}
    for each in asked:
        words = each.subject.split(".")
        if "GET" not in words:
            continue
        try:
            subject = str(json.loads(each.payload)["last_by_subj"])
        except (KeyError, TypeError, ValueError):
            continue
        found.setdefault(subject, Counter())[by_inbox(each.reply)] += 1
    return found
