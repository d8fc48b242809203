"""One webhook's dispatcher: what it posts, and what it does with the answer."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.webhooks.core.consumers import consumer_name
from services.webhooks.core.delivery import Response
from services.webhooks.delivery.consumers import ConsumerSpec, EventQueue, StoredEvent
from services.webhooks.delivery.dispatcher import Dispatcher, DispatcherDependencies
from services.webhooks.delivery.message import CONTENT_TYPE, build_delivery
from services.webhooks.delivery.pool import DispatcherPool
from services.webhooks.delivery.post import HttpPost
from shared.crypto.envelope import MESSAGE, SIGNATURE_HEADER, Identity, Signer, Verifier
from shared.crypto.keyring import KeyRing, Keys
from shared.documents.webhook import WebhookDocument
from shared.domain.document import Document
from shared.domain.errors import BadSignature
from shared.domain.ids import NodeId, Revision, UnixMillis
from shared.domain.webhook import WebhookState
from shared.events.webhook import WebhookDeliveryFailed, WebhookStateChanged
from tests.fakes.containment import contained
from tests.fakes.events import KeptFacts
from tests.fakes.rejections import KeptRejections
from tests.fakes.virtual_time import pause, run
from tests.fakes.webhook_consumers import EventStream, MemoryConsumers

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


class Faulty(MemoryConsumers):
    """The way to the stream fails the first *failures* times, and always for *broken*."""

    failures = 0
    broken = ""

    @asynccontextmanager
    async def open(self, spec: ConsumerSpec) -> AsyncGenerator[EventQueue]:
        if spec.name == self.broken:
            raise RecursionError("nested too deeply")
        self.is_reachable = self.failures == 0
        self.failures = max(0, self.failures - 1)
        async with super().open(spec) as queue:
            yield queue


async def until(condition: Callable[[], bool]) -> None:
    """Let virtual time pass until *condition* holds."""
    async with asyncio.timeout(60):
        while not condition():
            await pause(0.05)


@asynccontextmanager
async def at_work(work: Coroutine[Any, Any, None]) -> AsyncGenerator[asyncio.Task[None]]:
    """Have *work* done beside the test."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
        self.consumers = Faulty()
        self.facts = KeptFacts()
        self.rejections = KeptRejections()
        self.dependencies = DispatcherDependencies(
            self.consumers,
            self.post,
            verifier(),
            self.facts,
            lambda: UnixMillis(NOON),
            self.counted.append,
            self.rejections.record,
            contained(),
        )

    @property
    def stream(self) -> EventStream:
        return self.consumers.stream

    @property
    def finished(self) -> list[bytes]:
        """The events that come no more."""
        return [each.payload for each in self.stream.acknowledged]

    @property
    def later(self) -> list[tuple[bytes, float]]:
        """The events that were put off, and for how long."""
        return [(each.payload, seconds) for each, seconds in self.stream.retries]

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        self.posted.append((url, dict(headers), body))
        return self.answers.pop(0)

    async def put_events(self, consumers: int) -> None:
        """Put the events behind the beginning of as many *consumers*."""
        await until(lambda: len(self.stream.consumers) == consumers)
        self.stream.put(*self.events)

    def walk(self, steps: int, **document: Any) -> Dispatcher:
        """Let a dispatcher take *steps* events."""
        body = {"url": "https://a.example/", **document}
        dispatcher = Dispatcher(
            "ops", WebhookDocument.model_validate(body), SECRET, self.dependencies
        )

        async def take_steps() -> None:
            async with at_work(dispatcher.run()):
                await self.put_events(1)
                await until(lambda: len(self.finished) + len(self.later) >= steps)

        run(take_steps())
        return dispatcher


def test_a_delivery_holds_the_event_byte_by_byte_and_the_receiver_can_verify_it() -> None:
    street = Street([Response(204)], [kept(3)])
    street.walk(1)
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
    assert street.finished == [b'{"revision": 3}']
    assert street.counted == ["delivered"]


def test_a_refusal_is_retried_and_reported_once_and_so_is_its_end() -> None:
    answers = [Response(500), Response(None, "silence"), Response(200), Response(200)]
    street = Street(answers, [kept(1), kept(2)])
    dispatcher = street.walk(4)

    assert street.later == [(b'{"revision": 1}', 1.0), (b'{"revision": 1}', 2.0)]
    assert street.finished == [b'{"revision": 1}', b'{"revision": 2}']
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


def test_an_event_that_is_given_up_is_reported_and_the_next_is_attempted() -> None:
    street = Street([Response(500), Response(200)], [kept(1, attempt=9, hours=2), kept(2)])
    street.walk(2, give_up_after_hours=1)

    assert street.finished == [b'{"revision": 1}', b'{"revision": 2}']
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


def test_the_loss_of_news_about_webhooks_makes_no_more_news() -> None:
    own = kept(1, subject="meridian.event.webhook.delivery_failed", hours=2)
    street = Street([Response(500)], [own])
    street.walk(1, give_up_after_hours=1)

    assert not [each for each in street.facts.kept if isinstance(each, WebhookDeliveryFailed)]
    assert street.counted == ["given_up"]


def test_an_event_that_nobody_signed_is_left_out_and_never_posted() -> None:
    forged = kept(1)
    forged.headers[SIGNATURE_HEADER] = forged.headers[SIGNATURE_HEADER][:-1] + "x"
    street = Street([Response(200)], [forged, kept(2)])
    street.walk(2)

    assert [json.loads(body)["data"] for _, _, body in street.posted] == [{"revision": 2}]
    with pytest.raises(BadSignature):
        build_delivery(forged, verifier())


def test_a_stream_that_is_away_is_waited_for() -> None:
    street = Street([Response(200)], [kept(1)])
    street.consumers.failures = 3
    street.walk(1)

    assert street.finished == [b'{"revision": 1}']


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


async def until_at_work(pool: DispatcherPool, *names: str) -> None:
    async with asyncio.timeout(60):
        while {each.webhook for each in await pool.progress()} != set(names):
            await pause(0.05)


def consumer_of(webhook: str) -> str:
    document = WebhookDocument.model_validate({"url": "https://a.example/"})
    return consumer_name(webhook, document)


def test_the_dispatchers_follow_the_documents_and_the_role() -> None:
    url = {"url": "https://a.example/"}
    ledger = Ledger(Street([], []), {"a": url, "b": url, "off": url})
    pool = ledger.pool()

    async def follow() -> None:
        async with at_work(pool.run()):
            await until_at_work(pool, "a", "b", "off")
            await ledger.street.put_events(3)
            ledger.documents = {
                "b": {"url": "https://b.example/"},
                "wrong": {"url": 7},
                "off": {**url, "enabled": False},
            }
            pool.record_revision(Revision(2))
            await until_at_work(pool, "b")
            ledger.is_primary = False
            pool.record_revision(Revision(3))
            await until_at_work(pool)
            ledger.is_primary = True
            await until_at_work(pool, "b")
        assert await pool.progress() == ()
        kept_consumers = {consumer_of("b"), consumer_of("off")}
        assert set(await ledger.street.consumers.names()) == kept_consumers, "a's consumer went"

    run(follow())


@dataclass
class Hostile(Street):
    """A street whose way to one receiver fails in a way that nobody foresaw."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        if "bad" in url:
            raise OverflowError("port must be 0-65535.")
        return await super().post(url, headers, body)


def test_a_way_to_a_receiver_that_fails_is_a_failed_attempt_with_a_cause() -> None:
    street = Hostile([], [kept(1)])
    dispatcher = street.walk(2, url="https://bad.example/")

    assert street.later == [(b'{"revision": 1}', 1.0), (b'{"revision": 1}', 2.0)]
    (event,) = street.facts.kept
    assert isinstance(event, WebhookStateChanged)
    assert event.state is WebhookState.FAILING
    assert event.cause == "OverflowError: port must be 0-65535."
    assert dispatcher.status.attempts == 2
    assert street.counted == ["failed", "failed"]


def test_an_event_that_cannot_be_wrapped_is_left_out_and_the_next_one_is_posted() -> None:
    strange = kept(1)
    strange.headers[CONTENT_TYPE] = cast("str", 7)
    street = Street([Response(200)], [strange, kept(2)])
    street.walk(2)

    assert [json.loads(body)["data"] for _, _, body in street.posted] == [{"revision": 2}]


def test_a_webhook_that_fails_is_marked_and_the_others_are_delivered_to() -> None:
    url = {"url": "https://a.example/"}
    street = Street([Response(200)], [kept(1)])
    street.consumers.broken = consumer_of("bad")
    pool = Ledger(street, {"bad": url, "good": url}).pool()

    async def deliver() -> None:
        async with at_work(pool.run()) as task:
            await until_at_work(pool, "bad", "good")
            await street.put_events(1)
            await until(lambda: bool(street.finished))
            bad, good = sorted(await pool.progress(), key=lambda each: each.webhook)
            assert not task.done()
        cause = "RecursionError: nested too deeply"
        assert (bad.state, bad.cause, bad.waiting) == (WebhookState.FAILING, cause, None)
        assert (good.state, good.waiting) == (WebhookState.DELIVERING, 0)

    run(deliver())


def test_a_webhook_without_a_secret_keeps_no_other_from_its_receiver() -> None:
    def secret_of(name: str, _number: int) -> bytes:
        if name == "bad":
            raise OverflowError("int too big to convert")
        return SECRET

    url = {"url": "https://a.example/"}
    ledger = Ledger(Street([], []), {"bad": url, "good": url})
    pool = DispatcherPool(ledger.read, ledger.street.dependencies, secret_of, lambda: True)

    async def deliver() -> None:
        async with at_work(pool.run()):
            await until_at_work(pool, "good")

    run(deliver())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80800/", "http://relay..example.com/", "http://"]
)
async def test_an_address_that_nobody_can_have_is_an_answer_without_a_status(url: str) -> None:
    post = HttpPost()
    response = await post(url, {}, b"{}")
    await post.close()
    assert response.status is None
    assert response.problem.startswith("it cannot be reached: ")
