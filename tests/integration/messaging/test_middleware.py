# pyright: reportUnknownMemberType=false
"""The signing layer on a real server: what passes, what is dropped, and that dropping is all.

A tap beside the listener sees every message raw, so it can bring any of them again, changed.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.crypto.envelope import MESSAGE, REPLY, SIGNATURE_HEADER, Identity, Signer
from shared.crypto.keyring import KeyRing, make_psk
from shared.crypto.nodekeys import TRUST_FILE, TrustStore
from shared.domain.errors import MeridianError, RevisionConflict, Stopping, Unavailable
from shared.domain.ids import Epoch, NodeId, UnixMillis
from shared.events.clock import ReadClock
from shared.events.message import Done, ErrorReply, Event
from shared.events.node import NodeHeartbeat
from shared.events.relay import DrainNode
from shared.messaging.middleware import CONTENT_TYPE, JSON
from shared.messaging.rejections import Rejection
from shared.runtime.clock import SystemClock
from shared.runtime.context import ServiceContext
from tests.integration.relay.cluster import Cluster, nats_server, until
from tests.integration.servers import settled

pytestmark = pytest.mark.integration

ALPHA = NodeId("alpha")
BERLIN = NodeId("berlin")
EVERY_HEARTBEAT = NodeHeartbeat.subject.wildcard
DRAIN = DrainNode(node=BERLIN, epoch=Epoch(1))


def heartbeat(sessions: int = 0, node: NodeId = BERLIN) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=node, service="relay", version="1", started_unix_ms=1, sessions=sessions
    )


@dataclass
class Listener:
    """A gateway on alpha: what reached its handler, and what it refused."""

    gateway: ServiceContext
    heard: list[int]
    reports: list[Rejection] = field(default_factory=list[Rejection])

    def refused(self, reason: str) -> float:
        name, labels = "meridian_messages_rejected_total", {"reason": reason}
        return self.gateway.telemetry.registry.get_sample_value(name, labels) or 0.0

    async def until_refused(self, reason: str, times: int = 1) -> None:
        await until(lambda: self.refused(reason) >= times)


@dataclass
class Scene:
    """The cluster, a connection without any key, and what it tapped."""

    cluster: Cluster
    stranger: Client
    taps: list[Msg] = field(default_factory=list[Msg])

    async def tap(self, message: Msg) -> None:
        self.taps.append(message)

    async def bring(self, message: Msg, subject: str = "", payload: bytes | None = None) -> None:
        """Send a tapped message again, as it was or changed."""
        body = message.data if payload is None else payload
        await self.stranger.publish(subject or message.subject, body, headers=message.headers)
        await self.stranger.flush()

    async def signed_at(self, shift_ms: int, gateway: ServiceContext, sessions: int) -> None:
        """A relay's heartbeat with the right key, by a clock that is *shift_ms* off."""
        keys = KeyRing.derive(self.cluster.psk, gateway.keys.trust.cluster_id, None)

        def clock() -> UnixMillis:
            return UnixMillis(gateway.clock.unix_ms() + shift_ms)

        signer = Signer(keys, Identity(BERLIN, "relay", "x"), f"boot{sessions}", clock)
        event = heartbeat(sessions)
        payload = event.model_dump_json().encode()
        value, _ = signer.sign(MESSAGE, event.address, JSON, payload)
        headers = {CONTENT_TYPE: JSON, SIGNATURE_HEADER: value}
        await self.stranger.publish(event.address, payload, headers=headers)
        await self.stranger.flush()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncGenerator[Listener]:
        heard: list[int] = []

        async def on_heartbeat(event: NodeHeartbeat) -> None:
            heard.append(event.sessions)

        route = (NodeHeartbeat, on_heartbeat)
        async with self.cluster.member("alpha", "gateway", route) as gateway:
            listener = Listener(gateway, heard)
            gateway.security.rejections.notify = listener.reports.append
            yield listener


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture
async def scene(tmp_path: Path, nats_url: str) -> AsyncGenerator[Scene]:
    cluster = Cluster(tmp_path, nats_url)
    cluster.found("alpha", BERLIN)
    stranger = await nats.connect(nats_url)
    scene = Scene(cluster, stranger)
    await stranger.subscribe(EVERY_HEARTBEAT, cb=scene.tap)
    await settled(stranger)
    yield scene
    await stranger.close()


@contextlib.asynccontextmanager
async def speaking(scene: Scene) -> AsyncGenerator[tuple[Listener, ServiceContext]]:
    """A listener that has heard the relay's first heartbeat."""
    async with scene.listening() as listener, scene.cluster.member(BERLIN, "relay") as relay:
        await relay.bus.publisher.publish(heartbeat(1))
        await until(lambda: listener.heard == [1] and len(scene.taps) == 1)
        yield listener, relay


async def goes_on(listener: Listener, relay: ServiceContext) -> None:
    """A true message still passes, and nothing passed before it but the first one."""
    await relay.bus.publisher.publish(heartbeat(2))
    await until(lambda: listener.heard[-1] == 2)
    assert listener.heard == [1, 2]


async def test_a_message_without_a_signature_is_dropped_and_counted(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        event = heartbeat(9)
        await scene.stranger.publish(event.address, event.model_dump_json().encode())
        await listener.until_refused("unsigned")
        await goes_on(listener, relay)


async def test_a_member_with_another_key_is_reported_and_not_believed(scene: Scene) -> None:
    foreign = Cluster(scene.cluster.folder, scene.cluster.url, psk=make_psk())
    async with speaking(scene) as (listener, relay):
        async with foreign.member(BERLIN, "relay") as impostor:
            await impostor.bus.publisher.publish(heartbeat(9))
            await listener.until_refused("unknown_key")
        assert [(each.sender, each.count) for each in listener.reports] == [("unknown", 1)]
        await goes_on(listener, relay)


async def test_a_message_that_comes_again_is_processed_once(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        await scene.bring(scene.taps[0])
        await listener.until_refused("replayed")
        await goes_on(listener, relay)


CHANGES: list[Callable[[Msg], tuple[str, bytes]]] = [
    lambda message: (message.subject, message.data.replace(b'"sessions":1', b'"sessions":9')),
    lambda message: (message.subject.replace("berlin", "denver"), message.data),
    lambda message: (message.subject, b""),
]


@pytest.mark.parametrize("change", CHANGES, ids=["the body", "the subject", "nothing left"])
async def test_whatever_is_changed_on_the_way_breaks_the_signature(
    scene: Scene, change: Callable[[Msg], tuple[str, bytes]]
) -> None:
    async with speaking(scene) as (listener, relay):
        await scene.bring(scene.taps[0], *change(scene.taps[0]))
        await listener.until_refused("bad_mac")
        await goes_on(listener, relay)


async def test_nobody_speaks_for_another_node(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        await relay.bus.publisher.publish(heartbeat(9, node=NodeId("alpha")))
        await listener.until_refused("another_node")
        assert listener.reports[0].sender.startswith("berlin.relay.")
        await goes_on(listener, relay)


async def test_a_service_says_only_what_is_its_own_to_say(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        async with scene.cluster.member(BERLIN, "replication") as follower:
            await follower.bus.publisher.publish(heartbeat(9))
            await listener.until_refused("not_a_speaker")
        await goes_on(listener, relay)


async def test_nobody_names_another_node_inside_than_outside(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        event = heartbeat(9, node=NodeId("alpha"))
        await relay.bus.broker.publish(event, heartbeat().address)
        await listener.until_refused("another_address")
        await goes_on(listener, relay)


async def test_what_was_signed_before_the_listener_began_is_history(scene: Scene) -> None:
    async with speaking(scene):
        old = scene.taps[0]
    async with scene.listening() as listener:
        await scene.bring(old)
        await listener.until_refused("before_start")
        assert listener.heard == []


@pytest.mark.parametrize("shift_ms", [-31_000, 31_000])
async def test_a_stamp_more_than_half_a_minute_off_is_refused_with_the_difference(
    scene: Scene, shift_ms: int
) -> None:
    async with speaking(scene) as (listener, relay):
        await scene.signed_at(shift_ms, listener.gateway, 9)
        await listener.until_refused("too_old")
        assert re.search(r"[+-]3[01]\.", listener.reports[0].detail)
        assert listener.reports[0].sender == "berlin.relay.x"
        await goes_on(listener, relay)


@pytest.mark.parametrize("late_seconds", [3, 6, 10])
async def test_what_a_busy_machine_delivers_late_passes_and_never_counts_as_skew(
    scene: Scene, late_seconds: int
) -> None:
    async with speaking(scene) as (listener, _):
        security, now = listener.gateway.security, listener.gateway.clock.now
        security.verifier.started_ms = UnixMillis(security.verifier.started_ms - 60_000)
        await scene.signed_at(-late_seconds * 1_000, listener.gateway, 2)
        await until(lambda: listener.heard == [1, 2])
        berlin = (BERLIN, "relay")
        assert security.clocks.suspected(now()) == ({berlin} if late_seconds > 5 else frozenset())

        question = ReadClock(node=BERLIN, service="relay")
        await listener.gateway.bus.publisher.ask(question, timeout_seconds=5)

        offset = security.clocks.of_clock(berlin, now())
        assert offset is not None
        assert not offset.is_off
        assert security.clocks.suspected(now()) == frozenset()
        assert listener.reports == []


async def test_a_flood_of_forgeries_costs_one_report_and_stops_nobody(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        for number in range(2_000):
            await scene.stranger.publish(heartbeat(number).address, b"{}" * (number % 7))
        await listener.until_refused("unsigned", 2_000)
        assert [(each.reason, each.count) for each in listener.reports] == [("unsigned", 1)]
        await goes_on(listener, relay)


@contextlib.asynccontextmanager
async def draining(
    scene: Scene, answer: Callable[[], Done | ErrorReply]
) -> AsyncGenerator[tuple[ServiceContext, list[float]]]:
    """A gateway that asks berlin's relay; what the relay was asked, and when."""
    asked: list[float] = []

    async def on_drain(_: DrainNode) -> Done | ErrorReply:
        asked.append(asyncio.get_running_loop().time())
        return answer()

    route = (DrainNode, on_drain)
    async with (
        scene.cluster.member(BERLIN, "relay", route),
        scene.cluster.member("alpha", "gateway") as gateway,
    ):
        yield gateway, asked


async def test_an_answer_comes_back_as_the_type_that_was_declared(scene: Scene) -> None:
    async with draining(scene, Done) as (gateway, _):
        answer = await gateway.bus.publisher.ask(DRAIN, timeout_seconds=5)
        assert isinstance(answer, Done)


async def test_a_handler_that_a_stop_takes_its_tools_from_sends_its_requester_to_another(
    scene: Scene,
) -> None:
    """A service that ends gives no wrong answer to a request that is in its hands."""
    stops = list[asyncio.Event]()

    async def on_drain(_: DrainNode) -> Done:
        for each in stops:
            each.set()
        raise ConnectionError("the database is closed")

    async with (
        scene.cluster.member(BERLIN, "relay", (DrainNode, on_drain)) as relay,
        scene.cluster.member("alpha", "gateway") as gateway,
    ):
        with pytest.raises(MeridianError, match="the service failed; see its log"):
            await gateway.bus.publisher.ask(DRAIN, timeout_seconds=5)
        stops.append(relay.bus.ending)
        with pytest.raises(Stopping, match="the service is stopping"):
            await gateway.bus.publisher.ask(DRAIN, timeout_seconds=5)


async def test_a_refusal_comes_back_as_the_error_that_it_was(scene: Scene) -> None:
    def no() -> Done:
        raise RevisionConflict("somebody was faster", revision=7)

    async with draining(scene, no) as (gateway, asked):
        with pytest.raises(RevisionConflict, match="somebody was faster") as caught:
            await gateway.bus.publisher.ask(DRAIN, timeout_seconds=5)
        assert caught.value.attributes["revision"] == 7
        assert len(asked) == 1


async def test_a_forged_answer_that_is_first_does_not_count(scene: Scene) -> None:
    async def forge(message: Msg) -> None:
        await scene.stranger.publish(message.reply, b'{"error_code":"error","message":"no"}')

    await scene.stranger.subscribe(DRAIN.address, cb=forge)
    await settled(scene.stranger)
    async with scene.cluster.member("alpha", "gateway") as gateway:
        with pytest.raises(Unavailable):
            await gateway.bus.publisher.ask(DRAIN, timeout_seconds=1)
        refused = gateway.telemetry.registry.get_sample_value(
            "meridian_messages_rejected_total", {"reason": "unsigned"}
        )
        assert refused == 1


async def test_who_was_asked_early_answers_when_he_is_there(scene: Scene) -> None:
    async with scene.cluster.member("alpha", "gateway") as gateway:
        asked = asyncio.create_task(gateway.bus.publisher.ask(DRAIN, timeout_seconds=10))

        async def on_drain(_: DrainNode) -> Done:
            return Done()

        route = (DrainNode, on_drain)
        async with scene.cluster.member(BERLIN, "relay", route):
            assert isinstance(await asked, Done)


def hostile() -> list[str]:
    """Reply subjects that lead away from whoever signs as `berlin.relay.x`."""
    return [
        "$JS.API.STREAM.DELETE.LOG-1",
        "$KV.lease.primary",
        "meridian.log.1.entry",
        "_INBOX.alpha.relay.x.1",
        "_INBOX.1",
    ]


async def signed(scene: Scene, gateway: ServiceContext, event: Event, reply: str) -> None:
    """Send *event* as a member with the right key does who wants an answer at *reply*."""
    keys = KeyRing.derive(scene.cluster.psk, gateway.keys.trust.cluster_id, None)
    node = BERLIN if isinstance(event, NodeHeartbeat) else ALPHA
    service = "relay" if isinstance(event, NodeHeartbeat) else "gateway"
    signer = Signer(keys, Identity(node, service, "x"), f"boot{reply}", gateway.clock.unix_ms)
    payload = event.model_dump_json().encode()
    value, _ = signer.sign(MESSAGE, event.address, JSON, payload)
    headers = {CONTENT_TYPE: JSON, SIGNATURE_HEADER: value}
    await scene.stranger.publish(event.address, payload, reply, headers)
    await scene.stranger.flush()


@contextlib.asynccontextmanager
async def answers(scene: Scene, *subjects: str) -> AsyncGenerator[list[Msg]]:
    """What is said on *subjects*, and nothing that was on its way before the end."""
    found: list[Msg] = []

    async def on_answer(message: Msg) -> None:
        found.append(message)

    heard = [await scene.stranger.subscribe(subject, cb=on_answer) for subject in subjects]
    await settled(scene.stranger)
    yield found
    await settled(scene.stranger)
    for each in heard:
        await each.unsubscribe()


async def test_a_heartbeat_that_asks_for_an_answer_is_dropped_and_never_answered(
    scene: Scene,
) -> None:
    own = "_INBOX.berlin.relay.x.1"
    async with speaking(scene) as (listener, relay), answers(scene, *hostile(), own) as found:
        for reply in (*hostile(), own):
            await signed(scene, listener.gateway, heartbeat(9), reply)
        await listener.until_refused("bad_reply", len(hostile()) + 1)
        assert [(each.sender, each.reason) for each in listener.reports] == [
            ("unknown", "bad_reply")
        ]
        await goes_on(listener, relay)
        await settled(await listener.gateway.bus.broker.connect())
    assert found == []


async def test_a_reply_subject_is_checked_before_the_signature_is(scene: Scene) -> None:
    async with speaking(scene) as (listener, relay):
        event = heartbeat(9)
        payload = event.model_dump_json().encode()
        await scene.stranger.publish(event.address, payload, "$JS.API.STREAM.DELETE.LOG-1")
        await listener.until_refused("bad_reply")
        assert listener.refused("unsigned") == 0
        await goes_on(listener, relay)


async def test_a_request_is_answered_where_its_sender_listens_and_nowhere_else(
    scene: Scene,
) -> None:
    own = "_INBOX.alpha.gateway.x.1"
    asked: list[DrainNode] = []

    async def on_drain(order: DrainNode) -> Done:
        asked.append(order)
        return Done()

    async with scene.cluster.member(BERLIN, "relay", (DrainNode, on_drain)) as relay:
        async with answers(scene, *hostile(), own) as found:
            for reply in (*hostile(), own):
                await signed(scene, relay, DRAIN, reply)
            await until(lambda: bool(found))
            await settled(await relay.bus.broker.connect())
        assert [(each.subject, each.data) for each in found] == [(own, b"{}")]
        assert len(asked) == 1
        labels = {"reason": "bad_reply"}
        refused = relay.telemetry.registry.get_sample_value(
            "meridian_messages_rejected_total", labels
        )
        assert refused == len(hostile())


async def test_a_request_that_is_answered_with_nothing_ends_the_service_and_sends_nothing(
    scene: Scene,
) -> None:
    own = "_INBOX.alpha.gateway.x.1"

    async def on_drain(_: DrainNode) -> Done | None:
        return None

    async with scene.cluster.member(BERLIN, "relay", (DrainNode, on_drain)) as relay:
        async with answers(scene, own) as found:
            await signed(scene, relay, DRAIN, own)
            with pytest.raises(AssertionError, match="DrainNode returned nothing"):
                await asyncio.wait_for(relay.faults.fatal.run(), 10)
            await settled(await relay.bus.broker.connect())
        assert found == []


async def test_an_empty_answer_never_leaves(scene: Scene) -> None:
    own = "_INBOX.alpha.gateway.x.1"

    async def on_drain(_: DrainNode) -> bytes:
        return b""

    async with scene.cluster.member(BERLIN, "relay", (DrainNode, on_drain)) as relay:
        async with answers(scene, own) as found:
            await signed(scene, relay, DRAIN, own)
            with pytest.raises(AssertionError, match="never empty"):
                await asyncio.wait_for(relay.faults.fatal.run(), 10)
            await settled(await relay.bus.broker.connect())
        assert found == []


async def test_an_answer_that_asks_for_an_answer_does_not_count(scene: Scene) -> None:
    trust = TrustStore.load(scene.cluster.folder / "alpha" / TRUST_FILE)
    keys = KeyRing.derive(scene.cluster.psk, trust.cluster_id, None)
    signer = Signer(keys, Identity(BERLIN, "relay", "x"), "boot", SystemClock().unix_ms)

    async def answer(message: Msg) -> None:
        asked = (message.headers or {})[SIGNATURE_HEADER].split(";")[4]
        value, _ = signer.sign(REPLY, "", JSON, b"{}", asked)
        headers = {CONTENT_TYPE: JSON, SIGNATURE_HEADER: value}
        await scene.stranger.publish(message.reply, b"{}", "$KV.lease.primary", headers)

    await scene.stranger.subscribe(DRAIN.address, cb=answer)
    await settled(scene.stranger)
    async with scene.cluster.member("alpha", "gateway") as gateway:
        with pytest.raises(Unavailable):
            await gateway.bus.publisher.ask(DRAIN, timeout_seconds=1)
        labels = {"reason": "bad_reply"}
        assert (
            gateway.telemetry.registry.get_sample_value("meridian_messages_rejected_total", labels)
            == 1
        )
