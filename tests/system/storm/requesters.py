"""Hostile answers to whatever the site's own services ask while the storm listens.

Whether the true answer came first is seen where the asker sees it: at its own server, on its inbox.
An asker that got a hostile answer first has refused it once for that request.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from shared.events.message import Request
from stack.layout import Layout
from tests.system.raw_nats import RawNats, Received, header_block
from tests.system.storm.answers import CHANGES, EDITS, Answer, requests
from tests.system.storm.counters import Counters
from tests.system.storm.readers import INBOX, Readers, Requester
from tests.system.storm.shots import Shot
from tests.system.storm.volley import Readings, Row
from tests.system.wire_dialect import SIGNATURE, Speaker, connect, credentials

LISTEN_SECONDS: Final = 12.0
"""Every directory is read twice in this time."""

QUIET_SECONDS: Final = 1.0
MEMBERS: Final = 16
"""As many members of a queue group get most of its requests, and nobody else gets those."""

AT_ONCE_SECONDS: Final = 0.1
"""Sooner than any asker asks again because nobody answered."""

LISTENER: Final = "alpha.gateway"
SENDER: Final = 2
"""The signature's field that names the sender."""


@dataclass
class Heard:
    """What was answered, by the inbox it went to; what came first there; and who asked again.

    An asker whose patience ends meanwhile never sees the answer. One that asks again at once has
    seen it, and has refused it.
    """

    hostile: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    first: dict[str, tuple[bytes, float]] = field(default_factory=dict[str, tuple[bytes, float]])
    again: dict[str, float] = field(default_factory=dict[str, float])
    _last: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def note(self, message: Received) -> None:
        """Take what was seen at an asker's server: a request, or what came to its inbox."""
        now = asyncio.get_running_loop().time()
        if message.subject.startswith(INBOX):
            self.first.setdefault(message.subject, (message.head, now))
            return
        before = self._last.get((_requester(message), message.subject))
        if before is not None:
            self.again.setdefault(before, now)
        self._last[_requester(message), message.subject] = message.reply

    def first_hostile(self) -> Iterator[tuple[str, str]]:
        """The services that got a hostile answer first, each with the inbox it came to."""
        for inbox, (service, head) in self.hostile.items():
            if inbox in self.first and self.first[inbox][0] == head:
                yield service, inbox

    def most(self) -> Counter[str]:
        """How many answers each service can have refused."""
        return Counter(service for service, _ in self.first_hostile())

    def least(self) -> Counter[str]:
        """How many it must have refused, since it asked again at once."""
        return Counter(
            service
            for service, inbox in self.first_hostile()
            if 0 <= self.again.get(inbox, -1.0) - self.first[inbox][1] <= AT_ONCE_SECONDS
        )


async def mislead(layout: Layout, readers: Readers, chance: random.Random) -> Row:
    """Answer every request of the site's services wrongly for a while, and count."""
    counters, heard = Counters(layout), Heard()
    before = await counters.read({each.service for each in readers.requesters})
    async with AsyncExitStack() as stack:
        for server in {each.server for each in readers.requesters}:
            at = [each for each in readers.requesters if each.server == server]
            nats = layout.node(server).nats
            assert nats is not None, "a server has ports"
            known = credentials(layout.state, f"{server}.gateway")
            observer = await stack.enter_async_context(connect(known, nats.client))
            _start(stack, _observe(observer, at, heard))
            await observer.flush()
        # A connection of its own: with it end its memberships of queue groups.
        client = await stack.enter_async_context(connect(credentials(layout.state, LISTENER)))
        for message in requests():
            known = credentials(layout.state, f"{layout.masters[0].name}.{_answerer(message)}")
            for queue in _joined(client, message, readers):
                _start(stack, _answer(client, queue, _refusable(Speaker(known), chance), heard))
        await asyncio.sleep(LISTEN_SECONDS)
    await asyncio.sleep(QUIET_SECONDS)
    now = await counters.read(before)
    return _row(heard, before, now)


def _start(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)


async def _observe(client: RawNats, requesters: Sequence[Requester], heard: Heard) -> None:
    subjects = [f"{each.inbox}.>" for each in requesters]
    subjects += [message.subject.wildcard for message in requests()]
    queues = [client.subscribe(subject) for subject in subjects]

    async def one(queue: "asyncio.Queue[Received]") -> None:
        while True:
            heard.note(await queue.get())

    await asyncio.gather(*(one(queue) for queue in queues))


def _answerer(message: type[Request[Any]]) -> str:
    return min(message.subject.answered_by)


def _joined(
    client: RawNats, message: type[Request[Any]], readers: Readers
) -> list["asyncio.Queue[Received]"]:
    """What *client* hears of the requests of one kind, as most members of each queue group."""
    heard = [ear for ear in readers.ears if message.subject.parse(ear.subject) is not None]
    groups = {ear.queue for ear in heard} or {""}
    return [
        client.subscribe(message.subject.wildcard, group)
        for group in groups
        for _ in range(MEMBERS if group else 1)
    ]


async def _answer(
    client: RawNats, queue: "asyncio.Queue[Received]", answers: Iterator[Answer], heard: Heard
) -> None:
    for answer in answers:
        request = await queue.get()
        service = _requester(request)
        shot = answer.to(request)
        client.send(request.reply, shot.payload, shot.head)
        if service:
            heard.hostile[request.reply] = (service, shot.head)


def _refusable(speaker: Speaker, chance: random.Random) -> Iterator[Answer]:
    """Answers that prove nothing, one after the other, for ever; all with a head of their own."""
    made = [
        *(Answer(speaker, Shot(name, b"{}"), {}, edit or " ") for name, edit in EDITS.items()),
        *(Answer(speaker, Shot(name, b"{}"), change) for name, change in CHANGES.items()),
        Answer(speaker, Shot("deep", b"[" * 200_000), {}),
        Answer(speaker, Shot("no text", b"\xff", header_block({"a": "\udcff"})), {}),
    ]
    chance.shuffle(made)
    return cycle(made)


def _requester(request: Received) -> str:
    """The `node.service` that asks."""
    words = request.headers.get(SIGNATURE, "").split(";")
    return ".".join(words[2].split(".")[:2]) if len(words) > SENDER else ""


def _row(heard: Heard, before: Readings, now: Readings) -> Row:
    least, most = heard.least(), heard.most()
    grown = {name: now[name].refused - before[name].refused for name in before}
    faults = tuple(
        f"{name} refused {grown[name]} of {least[name]} to {most[name]} answers"
        for name in sorted(before)
        if not least[name] <= grown[name] <= most[name]
    )
    return Row(
        "answers to services", "", len(heard.hostile), len(most), sum(grown.values()), faults
    )
