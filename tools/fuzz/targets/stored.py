# pyright: reportPrivateUsage=false
"""Stored messages: states of sessions, events for webhooks and for the history."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from nats.aio.msg import Msg

from services.gateway.sessions.store import JetStreamSessions
from services.replication.history.archiver import EventArchiver
from services.webhooks.delivery.consumers import StoredEvent
from services.webhooks.delivery.message import build_delivery
from shared.crypto.envelope import SIGNATURE_HEADER
from shared.crypto.node_signature import NODE_SIGNATURE_HEADER
from shared.events.session import SessionState
from shared.messaging.client import SafeClient
from tools.fuzz.declared import example
from tools.fuzz.samples import encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts, text_of
from tools.fuzz.targets.crypto import NOW, now, signer, verifier

if TYPE_CHECKING:
    from nats.aio.client import Client


from tools.fuzz.targets.messages import STORED, Refusals, address_of, signed


def _session(data: bytes) -> object:
    """A state of a session as it lies in its stream: who signed it, its subject, the state."""
    how, sender, subject, payload = parts(data, 4)
    topic = text_of(subject)
    header = "" if how == b"unsigned" else signed(topic, payload, sender)[SIGNATURE_HEADER]
    store = JetStreamSessions(cast("Client", SafeClient()), signer(), verifier(), Refusals())
    return store._read(SessionState, topic, header, payload)


def _session_corpus() -> Iterable[bytes]:
    subject, state = address_of(SessionState).encode(), example(SessionState)
    for each in varied(state):
        yield joined(b"", b"alpha.gateway.1f2e", subject, each)
    yield joined(b"", b"alpha.gateway.1f2e", b"meridian.session.other.state", encoded(state))
    yield joined(b"", b"alpha.relay.1f2e", subject, encoded(state))
    yield joined(b"", b"\xff", subject, encoded(state))
    yield joined(b"unsigned", b"", subject, encoded(state))


def _delivery(data: bytes) -> object:
    """An event for a webhook's receiver."""
    sender, subject, payload = parts(data, 3)
    topic = text_of(subject)
    headers = {} if sender == b"unsigned" else signed(topic, payload, sender)
    event = StoredEvent(topic, payload, headers, cast("Any", None), 1)
    return build_delivery(event, verifier()).headers(b"secret", NOW)


def _delivery_corpus() -> Iterable[bytes]:
    for message in STORED[:3]:
        for each in varied(example(message)):
            yield joined(b"", address_of(message).encode(), each)
    yield joined(b"unsigned", b"meridian.event.x", b"{}")


def _history(data: bytes) -> object:
    """An event for the history of the site's status: its sender, subject, time, body."""
    sender, subject, statement, payload = parts(data, 4)
    topic, refusals = text_of(subject), Refusals()
    headers = {} if sender == b"unsigned" else signed(topic, payload, sender)
    headers[NODE_SIGNATURE_HEADER] = text_of(statement)
    archiver = EventArchiver(
        cast("Any", None), verifier(), refusals, cast("Any", None), cast("Any", StillClock())
    )
    found = archiver._archived_event(Msg(cast("Client", None), topic, "", payload, headers))
    if found is None:
        raise Dropped(refusals.last)
    return found


class StillClock:
    """A clock that stands."""

    def unix_ms(self) -> int:
        return now()


def _history_corpus() -> Iterable[bytes]:
    statement = b"1;alpha;%d;id;x" % NOW
    extra: dict[str, Any] = {
        "used_bytes": "x",
        "limit_bytes": [],
        "reasons": 5,
        "nodes": 7,
        "node": {},
        "failed": 1,
    }
    for message in STORED:
        service = min(message.subject.speakers)
        sender, subject = f"alpha.{service}.1f2e".encode(), address_of(message).encode()
        body = example(message)
        for more in ({}, *({name: value} for name, value in extra.items())):
            yield joined(sender, subject, statement, encoded({**more, **body}))
        for field in body:
            yield joined(sender, subject, statement, encoded({**body, field: ""}))
        yield joined(sender, subject, statement, encoded({**body, "more": ["x" * 3_000]}))
        yield joined(b"alpha.nobody.1f2e", subject, statement, encoded(body))
        yield joined(b"unsigned", subject, statement, encoded(body))
        yield joined(sender, subject, b"", encoded(body))
        yield joined(sender, subject, b"1;alpha;%d;id;x" % (NOW + 60_000), encoded(body))
    yield joined(b"alpha.relay.1f2e", b"meridian.event.no.such", statement, b"{}")


TARGETS = (
    Target(
        "messages.session",
        _session,
        _session_corpus,
        ("services.gateway.sessions.store:JetStreamSessions._read",),
        frozenset(
            {
                *("unsigned", "malformed", "not_a_speaker", "another_address", "bad_shape"),
                *("bad_syntax", "not_text", "number_out_of_range", "too_deep"),
            }
        ),
    ),
    Target(
        "messages.delivery",
        _delivery,
        _delivery_corpus,
        ("services.webhooks.delivery.message:build_delivery",),
        frozenset(
            {
                *("unsigned", "bad_shape", "bad_syntax", "not_text", "number_out_of_range"),
                "too_deep",
            }
        ),
    ),
    Target(
        "messages.history",
        _history,
        _history_corpus,
        (
            *("services.replication.history.archiver:EventArchiver._archived_event",),
            *("services.replication.history.archiver:EventArchiver._declared",),
            *(
                f"services.replication.core.status:{each}"
                for each in ("shortened", "state_key", "nodes_of", "sentence")
            ),
        ),
        frozenset({"unsigned", "unknown_subject", "not_a_speaker", "bad_shape", "too_new"}),
    ),
)
