"""One webhook's dispatcher: what it posts, and what it does with the answer."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.webhooks.core.consumers import consumer_name
from services.webhooks.core.delivery import Response
from services.webhooks.delivery.consumers import Consumers, ConsumerSpec, EventQueue, StoredEvent
from services.webhooks.delivery.dispatcher import Dispatcher, DispatcherDependencies
from services.webhooks.delivery.message import CONTENT_TYPE, build_delivery
from services.webhooks.delivery.pool import DispatcherPool
from services.webhooks.delivery.post import HttpPost
from shared.crypto.envelope import MESSAGE, SIGNATURE_HEADER, Identity, Signer, Verifier
from shared.crypto.keyring import KeyRing, Keys
from shared.documents.webhook import WebhookDocument
from shared.domain.document import Document
from shared.domain.errors import BadSignature, Unavailable
from shared.domain.ids import NodeId, Revision, UnixMillis
from shared.domain.webhook import WebhookState
from shared.events.webhook import WebhookDeliveryFailed, WebhookStateChanged
from tests.fakes.containment import contained
from tests.fakes.events import KeptFacts
from tests.fakes.rejections import KeptRejections

RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
NOON = 1_777_888_800_000
SECRET = b"s" * 32
CHANGED = "meridian.event.config.changed"


def kept(number: int, subject: str = CHANGED, attempt: int = 1, hours: float = 0.0) -> StoredEvent:
    """An event that happened at noon, *hours* before now."""
    signer = Signer(
        RING, Identity(NodeId("alpha"), "config", "1f2e"), "boot", lambda: UnixMillis(NOON)
    )
    payload = json.dumps({"revision": number}).encode()
    value = [signer.sign(MESSAGE, subject, "application/json", payload) for _ in range(number)][-1]
    headers = {SIGNATURE_HEADER: value[0], "content-type": "application/json"}
    stored = datetime.fromtimestamp(NOON / 1_000 - hours * 3_600, UTC)
    return StoredEvent(subject, payload, headers, stored, attempt)


def verifier() -> Verifier:
    return Verifier(RING, lambda: UnixMillis(NOON), UnixMillis(0))


@dataclass
class FakeQueue:
    """Hands out what is prepared, and remembers what was done with it."""

    events: list[StoredEvent]
    finished: list[bytes] = field(default_factory=list[bytes])
    later: list[tuple[bytes, float]] = field(default_factory=list[tuple[bytes, float]])
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> StoredEvent | None:
        if not self.events:
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def done(self, event: StoredEvent) -> None:
        self.finished.append(event.payload)
        self.moved.set()

    async def retry(self, event: StoredEvent, seconds: float) -> None:
        self.later.append((event.payload, seconds))
        self.moved.set()


@dataclass
class FakePlaces:
    """The stream's consumers, by name."""

    queue: FakeQueue
    there: list[str] = field(default_factory=list[str])
    dropped: list[str] = field(default_factory=list[str])
    broken: int = 0

    @asynccontextmanager
    async def open(self, spec: ConsumerSpec) -> AsyncGenerator[EventQueue]:
        if self.broken:
            self.broken -= 1
            raise Unavailable("there is no connection to NATS")
        self.there.append(spec.name)
        self.queue.moved.set()
        try:
            yield self.queue
        finally:
            self.queue.moved.set()

    async def names(self) -> list[str]:
        return list(self.there)

    async def delete(self, name: str) -> None:
        self.dropped.append(name)
        self.there.remove(name)

    async def waiting(self, name: str) -> int:
        return len(self.queue.events)


@dataclass
class Street:
    """A receiver with given answers, and everything that a dispatcher needs to reach it."""

    answers: list[Response]
    events: list[StoredEvent]
    posted: list[tuple[str, dict[str, str], bytes]] = field(
        default_factory=list[tuple[str, dict[str, str], bytes]]
    )
    counted: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.queue = FakeQueue(self.events)
        self.consumers = FakePlaces(self.queue)
        self.facts = KeptFacts()
        self.rejections = KeptRejections()
        self.dependencies = DispatcherDependencies(
            cast("Consumers", self.consumers),
            self.post,
            verifier(),
            self.facts,
            lambda: UnixMillis(NOON),
            self.counted.append,
            self.rejections.record,
            contained(),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        self.posted.append((url, dict(headers), body))
        return self.answers.pop(0)

    async def walk(self, steps: int, **document: Any) -> Dispatcher:
        """Let a dispatcher take *steps* events."""
        body = {"url": "https://a.example/", **document}
        dispatcher = Dispatcher(
            "ops", WebhookDocument.model_validate(body), SECRET, self.dependencies
        )
        task = asyncio.create_task(dispatcher.run())
        async with asyncio.timeout(15):
            while len(self.queue.finished) + len(self.queue.later) < steps:
                self.queue.moved.clear()
                await self.queue.moved.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return dispatcher


async def test_a_delivery_holds_the_event_byte_by_byte_and_the_receiver_can_verify_it() -> None:
    street = Street([Response(204)], [kept(3)])
    await street.walk(1)
    ((url, headers, body),) = street.posted
    covered = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.new(SECRET, covered, hashlib.sha256).digest()).decode()

    assert url == "https://a.example/"
    assert json.loads(body) == {
        "type": "config.changed",
        "timestamp": "2026-05-04T10:00:00.000Z",
        "node": "alpha",
        "id": "boot.3",
        "data": {"revision": 3},
    }
    assert headers["webhook-signature"] == f"v1,{proof}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("boot.3", "1777888800")
    assert headers["content-type"] == "application/json"
    assert street.queue.finished == [b'{"revision": 3}']
    assert street.counted == ["delivered"]


async def test_a_refusal_is_retried_and_reported_once_and_so_is_its_end() -> None:
    answers = [Response(500), Response(None, "silence"), Response(200), Response(200)]
    events = [kept(1), kept(1, attempt=2), kept(1, attempt=3), kept(2)]
    street = Street(answers, events)
    dispatcher = await street.walk(4)

    assert street.queue.later == [(b'{"revision": 1}', 1.0), (b'{"revision": 1}', 2.0)]
    assert street.queue.finished == [b'{"revision": 1}', b'{"revision": 2}']
    assert street.facts.kept == [
        WebhookStateChanged(
            webhook="ops",
            state=WebhookState.FAILING,
            previous=WebhookState.DELIVERING,
            cause="it answers 500",
        ),
        WebhookStateChanged(
            webhook="ops",
            state=WebhookState.DELIVERING,
            previous=WebhookState.FAILING,
            cause="the receiver took an event",
        ),
    ]
    assert dispatcher.status.last_delivered == NOON
    assert street.counted == ["failed", "failed", "delivered", "delivered"]


async def test_an_event_that_is_given_up_is_reported_and_the_next_is_attempted() -> None:
    street = Street([Response(500), Response(200)], [kept(1, attempt=9, hours=2), kept(2)])
    await street.walk(2, give_up_after_hours=1)

    assert street.queue.finished == [b'{"revision": 1}', b'{"revision": 2}']
    assert (
        WebhookDeliveryFailed(
            webhook="ops",
            event_subject=CHANGED,
            event_id="boot.1",
            attempts=9,
            cause="not delivered within 1 h and 9 attempts: it answers 500",
        )
        in street.facts.kept
    )


async def test_the_loss_of_news_about_webhooks_makes_no_more_news() -> None:
    own = kept(1, subject="meridian.event.webhook.delivery_failed", hours=2)
    street = Street([Response(500)], [own])
    await street.walk(1, give_up_after_hours=1)

    assert not [each for each in street.facts.kept if isinstance(each, WebhookDeliveryFailed)]
    assert street.counted == ["given_up"]


async def test_an_event_that_nobody_signed_is_left_out_and_never_posted() -> None:
    forged = kept(1)
    forged.headers[SIGNATURE_HEADER] = forged.headers[SIGNATURE_HEADER][:-1] + "x"
    street = Street([Response(200)], [forged, kept(2)])
    await street.walk(2)

    assert [json.loads(body)["data"] for _, _, body in street.posted] == [{"revision": 2}]
    with pytest.raises(BadSignature):
        build_delivery(forged, verifier())


async def test_a_stream_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.webhooks.delivery.dispatcher.PAUSE_SECONDS", 0.0)
    street = Street([Response(200)], [kept(1)])
    street.consumers.broken = 3
    await street.walk(1)

    assert street.queue.finished == [b'{"revision": 1}']


@dataclass
class Ledger:
    """The webhooks' documents, and whether this master is primary."""

    street: Street
    documents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    is_primary: bool = True
    revision: int = 1

    async def read(self, at_least: Revision) -> tuple[Sequence[Document], Revision]:
        found = [
            Document(kind="webhook", id=name, revision=Revision(1), body=body)
            for name, body in self.documents.items()
        ]
        return found, Revision(max(self.revision, at_least))

    def pool(self) -> DispatcherPool:
        return DispatcherPool(
            self.read,
            self.street.dependencies,
            lambda _name, _number: SECRET,
            lambda: self.is_primary,
        )


async def until_at_work(ledger: Ledger, pool: DispatcherPool, names: set[str]) -> None:
    moved = ledger.street.queue.moved
    async with asyncio.timeout(15):
        while {each.webhook for each in await pool.progress()} != names:
            moved.clear()
            await moved.wait()


async def test_the_dispatchers_follow_the_documents_and_the_role(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.webhooks.delivery.pool.PAUSE_SECONDS", 0.01)
    url = {"url": "https://a.example/"}
    ledger = Ledger(Street([], []), {"a": url, "b": url, "off": {**url, "enabled": False}})
    pool = ledger.pool()
    task = asyncio.create_task(pool.run())

    await until_at_work(ledger, pool, {"a", "b"})
    ledger.documents = {"b": {"url": "https://b.example/"}, "wrong": {"url": 7}}
    pool.record_revision(Revision(2))
    await until_at_work(ledger, pool, {"b"})
    ledger.is_primary = False
    pool.record_revision(Revision(3))
    await until_at_work(ledger, pool, set())
    ledger.is_primary = True
    await until_at_work(ledger, pool, {"b"})

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await pool.progress() == ()
    assert len(ledger.street.consumers.dropped) == 1, "a's consumer went, those of b and off stayed"


@dataclass
class Hostile(Street):
    """A street whose way to one receiver fails in a way that nobody foresaw."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        if "bad" in url:
            raise OverflowError("port must be 0-65535.")
        return await super().post(url, headers, body)


async def test_a_way_to_a_receiver_that_fails_is_a_failed_attempt_with_a_cause() -> None:
    street = Hostile([], [kept(1), kept(1, attempt=2)])
    dispatcher = await street.walk(2, url="https://bad.example/")

    assert street.queue.later == [(b'{"revision": 1}', 1.0), (b'{"revision": 1}', 2.0)]
    (event,) = street.facts.kept
    assert isinstance(event, WebhookStateChanged)
    assert event.state is WebhookState.FAILING
    assert event.cause == "OverflowError: port must be 0-65535."
    assert dispatcher.status.attempts == 2
    assert street.counted == ["failed", "failed"]


async def test_an_event_that_cannot_be_wrapped_is_left_out_and_the_next_one_is_posted() -> None:
    strange = kept(1)
    strange.headers[CONTENT_TYPE] = cast("str", 7)
    street = Street([Response(200)], [strange, kept(2)])
    await street.walk(2)

    assert [json.loads(body)["data"] for _, _, body in street.posted] == [{"revision": 2}]


@dataclass
class Cursed(FakePlaces):
    """The consumer of one webhook is broken for good."""

    cursed: str = ""

    @asynccontextmanager
    async def open(self, spec: ConsumerSpec) -> AsyncGenerator[EventQueue]:
        if spec.name == self.cursed:
            raise RecursionError("nested too deeply")
        async with super().open(spec) as queue:
            yield queue


async def test_a_webhook_that_fails_is_marked_and_the_others_are_delivered_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.webhooks.delivery.pool.PAUSE_SECONDS", 0.01)
    url = {"url": "https://a.example/"}
    street = Street([Response(200)], [kept(1)])
    cursed = consumer_name("bad", WebhookDocument.model_validate(url))
    street.consumers = Cursed(street.queue, cursed=cursed)
    street.dependencies = replace(
        street.dependencies, consumers=cast("Consumers", street.consumers)
    )
    ledger = Ledger(street, {"bad": url, "good": url})
    pool = ledger.pool()
    task = asyncio.create_task(pool.run())
    await until_at_work(ledger, pool, {"bad", "good"})
    async with asyncio.timeout(15):
        while not street.queue.finished:
            street.queue.moved.clear()
            await street.queue.moved.wait()
    bad, good = sorted(await pool.progress(), key=lambda each: each.webhook)

    assert (bad.state, bad.cause) == (WebhookState.FAILING, "RecursionError: nested too deeply")
    assert good.state is WebhookState.DELIVERING
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_webhook_without_a_secret_keeps_no_other_from_its_receiver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.webhooks.delivery.pool.PAUSE_SECONDS", 0.01)

    def secret_of(name: str, _number: int) -> bytes:
        if name == "bad":
            raise OverflowError("int too big to convert")
        return SECRET

    url = {"url": "https://a.example/"}
    ledger = Ledger(Street([], []), {"bad": url, "good": url})
    pool = DispatcherPool(ledger.read, ledger.street.dependencies, secret_of, lambda: True)
    task = asyncio.create_task(pool.run())
    await until_at_work(ledger, pool, {"good"})
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80800/", "http://relay..example.com/", "http://"]
)
async def test_an_address_that_nobody_can_have_is_an_answer_without_a_status(url: str) -> None:
    post = HttpPost()
    response = await post(url, {}, b"{}")
    await post.close()
    assert response.status is None
    assert response.problem.startswith("it cannot be reached: ")
