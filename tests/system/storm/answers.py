"""Hostile answers to every request of the catalogue, counted at the asker by the request's id.

The asker is built as services build theirs, and asks over the site's own NATS; no service answers
it, since it is none of those that may ask. Each request gets one hostile answer: one that proves
nothing is counted once and is no answer, one that is proven is what it says.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final

from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId
from shared.events import CATALOGUE
from shared.events.message import ErrorReply, Message, Request
from shared.runtime.clock import SystemClock
from shared.runtime.context import ServiceContext, build_context
from shared.settings import ServiceSettings
from stack.layout import Layout
from stack.nats import SERVICE_USER, secret_name
from stack.ports import HOST
from tests.system.raw_nats import RawNats, Received, header_block
from tests.system.storm.bodies import Body, broken, reshaped
from tests.system.storm.samples import from_schema, sample_of
from tests.system.storm.shots import DIGITS, STRANGER, Expected, Shot, headless
from tests.system.storm.volley import Row
from tests.system.wire_dialect import CONTENT_TYPE, MESSAGE, SIGNATURE, Speaker, credentials

REQUESTER_NODE: Final = "alpha"
NOWHERE: Final = "nowhere"
"""A node that there is not, so that nobody else answers."""

ASK_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.2
"""How long it is asked when the answer says that nobody listens."""

HEAR_SECONDS: Final = 10.0
REFUSED_METRIC: Final = "meridian_messages_rejected_total"


@dataclass(frozen=True)
class Asking:
    """A context that asks, and the declarations of what it asks and is answered."""

    context: ServiceContext
    client: RawNats
    layout: Layout

    @property
    def name(self) -> str:
        return str(self.context.process.identity)

    def refused(self) -> int:
        """How many answers the asker has refused so far."""
        return int(
            sum(
                sample.value
                for metric in self.context.telemetry.registry.collect()
                for sample in metric.samples
                if sample.name == REFUSED_METRIC
            )
        )


@asynccontextmanager
async def asking(layout: Layout, client: RawNats) -> AsyncGenerator[Asking]:
    """An asker on the first master, connected."""
    servers = [f"nats://{HOST}:{node.nats.client}" for node in layout.servers if node.nats]
    settings = ServiceSettings(
        node=NodeId(REQUESTER_NODE),
        state_dir=layout.node_folder(REQUESTER_NODE),
        psk_file=layout.secret("psk"),
        nats_servers=tuple(servers),
        nats_user=SERVICE_USER,
        nats_password_file=layout.secret(secret_name(SERVICE_USER)),
    )
    context = build_context(settings, STRANGER, SystemClock())
    await context.bus.broker.start()
    try:
        yield Asking(context, client, layout)
    finally:
        await context.bus.broker.stop()


def requests() -> list[type[Request[Any]]]:
    return [message for message in CATALOGUE if issubclass(message, Request)]


async def ask(
    requester: Asking, message: type[Request[Any]], chance: random.Random, count: int
) -> Row:
    """Ask *count* times, and judge what became of as many hostile answers."""
    asked = {**sample_of(message), **dict.fromkeys(message.subject.fields, NOWHERE)}
    request = decode_model(message, json.dumps(asked))
    node = str(requester.layout.masters[0].name)
    able = min(message.subject.answered_by)
    speaker = Speaker(credentials(requester.layout.state, f"{node}.{able}"))
    heard = requester.client.subscribe(request.address)
    await requester.client.flush()
    before, faults, sent = requester.refused(), list[str](), 0
    for make in islice(hostile(speaker, message, chance), count):
        fault = await _one(requester, request, heard, make)
        faults += [fault] if fault else []
        sent += 1
    return Row(
        f"answer of {message.__name__}",
        request.address,
        sent,
        1,
        requester.refused() - before,
        tuple(faults),
    )


@dataclass(frozen=True)
class Answer:
    """One hostile answer, made for the request that it is to answer."""

    speaker: Speaker
    shot: Shot
    changes: dict[str, str]
    edit: str = ""

    def to(self, request: Received) -> Shot:
        """The answer's bytes."""
        if self.shot.head:
            return self.shot
        good = self.speaker.answer(request.headers, self.shot.payload, **self.changes)
        head, _, mac = good[SIGNATURE].rpartition(";")
        if self.edit:
            wrong = self.speaker.mac(MESSAGE, request.reply, head, self.shot.payload)
            value = self.edit.format(head=head, mac=mac, half=mac[:32], message=wrong)
            good = {CONTENT_TYPE: good[CONTENT_TYPE], SIGNATURE: value}
        return Shot(
            self.shot.name, self.shot.payload, header_block(good), expected=self.shot.expected
        )


EDITS: Final = {
    "no proof": "{head};",
    "half a proof": "{head};{half}",
    "a proof that is not ASCII": "{head};äöü",
    "a proof of zeros": "{head};" + "0" * 64,
    "the proof of a message": "{head};{message}",
    "a field more": "{head};{mac};",
    "separators": ";;;;;;",
    "nothing": "",
}
CHANGES: Final[dict[str, dict[str, str]]] = {
    "of another request": {"in_reply_to": "storm+1"},
    "of no request": {"in_reply_to": ""},
    "with another key": {"kid": "00000000"},
    "without a sender": {"sender": ""},
    "of one who may not": {"sender": f"{REQUESTER_NODE}.{STRANGER}.1"},
    "of a sender of one part": {"sender": REQUESTER_NODE},
    "with a time that is no number": {"unix_ms": "now"},
    "with a time of 4000 digits": {"unix_ms": DIGITS},
    "with a counter of 4000 digits": {"id": f"storm+{DIGITS}"},
    "with a negative counter": {"id": "storm+-1"},
    "of another version": {"version": "2"},
}


def hostile(
    speaker: Speaker, message: type[Request[Any]], chance: random.Random
) -> Iterator[Answer]:
    """Answers that prove nothing, then proven ones with bodies that are wrong or odd."""
    good = from_schema(message.reply)
    payload = json.dumps(good).encode()
    for shot in headless(payload):
        if shot.head:
            says_nobody_listens = b" 503" in shot.head.partition(b"\r\n")[0]
            expected = Expected.EITHER if says_nobody_listens else Expected.REFUSED
            yield Answer(speaker, replace(shot, expected=expected), {})
    for name, edit in EDITS.items():
        yield Answer(speaker, Shot(f"proof: {name}", payload), {}, edit or " ")
    for name, change in CHANGES.items():
        yield Answer(speaker, Shot(f"answer {name}", payload), change)
    refusal = {"error_code": "not_primary", "message": "no", "attributes": {"a": 1}}
    odd = _in_turn(reshaped(good, chance), reshaped(refusal, chance))
    for body in chain(broken(payload), odd):
        expected = Expected.TAKEN if _is_answer(message, body.payload) else Expected.REFUSED
        yield Answer(speaker, Shot(f"body: {body.name}", body.payload, expected=expected), {})


def _in_turn(one: Iterator[Body], other: Iterator[Body]) -> Iterator[Body]:
    """Three of *one*, then one of *other*, as long as there are any."""
    while part := [*islice(one, 3), *islice(other, 1)]:
        yield from part


def _is_answer(message: type[Request[Any]], payload: bytes) -> bool:
    models: tuple[type[Message], ...] = (message.reply, ErrorReply)
    refuses = payload.startswith(b'{"error_code":')
    try:
        decode_model(models[refuses], payload)
    except Undecodable:
        return False
    return True


async def _one(
    requester: Asking, request: Request[Any], heard: "asyncio.Queue[Received]", answer: Answer
) -> str:
    """Ask once; what is wrong with what became of *answer*, or nothing."""
    while not heard.empty():  # asked again, after an answer that said that nobody listens
        heard.get_nowait()
    before = requester.refused()
    patience = AGAIN_SECONDS if answer.shot.expected is Expected.EITHER else ASK_SECONDS
    question = asyncio.create_task(_outcome(requester.context, request, patience))
    async with asyncio.timeout(HEAR_SECONDS):
        received = await heard.get()
        while requester.name not in received.headers.get(SIGNATURE, ""):  # a service asks the same
            received = await heard.get()
    shot = answer.to(received)
    requester.client.send(received.reply, shot.payload, shot.head)
    await requester.client.flush()
    outcome = await question
    refused = requester.refused() - before
    wanted = int(shot.expected is Expected.REFUSED)
    if isinstance(outcome, MeridianError | Message) and (
        refused == wanted or shot.expected is Expected.EITHER
    ):
        return ""
    return f"{shot.name}: {refused} refused of {wanted}, and {outcome!r:.120} came of it"


async def _outcome(context: ServiceContext, request: Request[Any], seconds: float) -> Any:
    """The answer, or the error that came instead, of whatever kind."""
    try:
        return await context.bus.publisher.ask(request, timeout_seconds=seconds)
    except Exception as error:  # noqa: BLE001 - which kind it is, is what is judged
        return error
