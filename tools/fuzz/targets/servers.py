# pyright: reportPrivateUsage=false
"""The lease's key, and what the servers of JetStream answer."""

import base64
import json
from collections.abc import Callable, Iterable

from nats.aio.msg import Msg

from services.failover_monitor.core.record import LeaseRecord
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.lease.store import (
    SIGNED_AS,
    JetStreamLease,
    RecordSigner,
    require_in_place,
)
from services.failover_monitor.log_servers.leaders import LeaderPlacement, _result
from services.failover_monitor.log_servers.servers import _read_report
from shared.domain.ids import Epoch, NodeId
from shared.messaging.alone import is_alone
from shared.messaging.jetstream import EXPECTED_LAST_ON_SUBJECT as EXPECTED_LAST
from tools.fuzz.held import answering, finished
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts, reason_of, text_of
from tools.fuzz.targets.crypto import KEY, TRUST

SIGNER = RecordSigner(NodeId("alpha"), KEY, TRUST)
RECORD = LeaseRecord(Epoch(3), NodeId("alpha"), "boot", 7, 5.0, 1.0, 41)
IN_PLACE = f"NATS/1.0\r\n{EXPECTED_LAST}: 41\r\n\r\n".encode()


def _signed_record(text: str) -> bytes:
    """*text*, whatever it is, signed as this master signs its records."""
    covered = f"{SIGNED_AS}{text}".encode("utf-8", "replace")
    proof = base64.b64encode(KEY.sign(covered)).decode()
    return json.dumps({"record": text, "signer": "alpha", "signature": proof}).encode()


def _lease(data: bytes) -> object:
    """A stored record and its headers; with `signed` before them, a record's text to be signed."""
    how, body, headers = parts(data, 3)
    raw = _signed_record(body.decode("utf-8", "replace")) if how == b"signed" else body
    record = SIGNER.verify(raw)
    require_in_place(record, headers)
    return record.is_older_than(RECORD)


def _lease_corpus() -> Iterable[bytes]:
    record = json.loads(RECORD.encode())
    for each in varied(record):
        yield joined(b"signed", each, IN_PLACE)
    for headers in (b"", IN_PLACE.replace(b"41", b"40"), IN_PLACE * 2, b"\xff", IN_PLACE.lower()):
        yield joined(b"signed", encoded(record), headers)
    for each in varied(json.loads(SIGNER.sign(RECORD))):
        yield joined(b"", each, IN_PLACE)


def _lease_answer(data: bytes) -> object:
    """The server's answer to a read of the key: a state of the key, or nothing that tells any."""
    refused: list[str] = []
    lease = JetStreamLease(
        answering(data), SIGNER, 1.0, lambda error: refused.append(reason_of(error))
    )
    key = finished(lease.read())
    if key is None:
        raise Dropped("no_news")
    if refused:
        raise Dropped(refused[0])
    return key


def _lease_answer_corpus() -> Iterable[bytes]:
    stored = base64.b64encode(SIGNER.sign(RECORD)).decode()
    message = {"seq": 42, "data": stored, "hdrs": base64.b64encode(IN_PLACE).decode()}
    yield from varied({"message": message})
    yield from varied({"error": {"err_code": 10037}})
    yield from (encoded({"error": {"err_code": 1}}), encoded({"message": {"seq": 1}}))
    yield encoded({"message": {"seq": 1, "data": base64.b64encode(_signed_record("{}")).decode()}})
    yield encoded({"message": {"seq": 1, "data": "AAEC"}})
    forged = {**json.loads(SIGNER.sign(RECORD)), "signature": "AAEC"}
    yield encoded({"message": {"seq": 1, "data": base64.b64encode(encoded(forged)).decode()}})


def _answers(data: bytes) -> object:
    """What a server answers to the other questions; the first part says to which."""
    which, body = parts(data, 2)
    client = answering(body)
    readers: dict[bytes, Callable[[], object]] = {
        b"meta": lambda: finished(LeaderPlacement(client, client, "alpha", "witness")._meta()),
        b"alone": lambda: finished(is_alone(client)),
        b"moved": lambda: _result(body) == "done",
        b"room": lambda: _read_report(Msg(client, "x", data=body)),
    }
    found = readers.get(which, readers[b"meta"])()
    if not found:
        raise Dropped("no_answer")
    return found


def _answers_corpus() -> Iterable[bytes]:
    peers = [
        {"name": "alpha", "current": True},
        {"name": "bravo", "current": True, "offline": True},
        {"name": "witness"},
    ]
    yield from after(
        b"meta", varied({"data": {"meta_cluster": {"leader": "alpha", "replicas": peers}}})
    )
    yield joined(b"meta", encoded({"data": {"meta_cluster": {"leader": "alpha"}}}))
    yield from after(b"alone", varied({"error": {"err_code": 10010}}))
    yield from after(b"moved", varied({"error": {"description": "no"}}))
    yield joined(b"moved", encoded({"success": True}))
    storage = {"storage": 1, "config": {"max_storage": 2}}
    meta = {"leader": "alpha", "replicas": peers}
    name = {"name": "alpha"}
    yield from after(b"room", varied({"data": {**storage, "meta_cluster": meta}, "server": name}))
    yield from after(b"room", varied({"data": {"disabled": True}, "server": name}))
    yield joined(b"room", encoded({"data": {**storage, "disabled": False}, "server": name}))
    yield joined(b"room", encoded({"data": {"meta_cluster": {}}, "server": name}))


def _version(data: bytes) -> object:
    """Another master's version, as it says it; whether that bars this one."""
    versions = OtherReleases("1.2.3")
    versions.record(NodeId("bravo"), text_of(data))
    if not versions.obstacles():
        raise Dropped("no_obstacle")
    return None


TARGETS = (
    Target(
        "lease.record",
        _lease,
        _lease_corpus,
        (
            *("services.failover_monitor.core.record:LeaseRecord.decode",),
            *("services.failover_monitor.core.record:LeaseRecord.is_older_than",),
            *("services.failover_monitor.lease.store:RecordSigner.verify",),
            *("services.failover_monitor.lease.store:require_in_place",),
        ),
        frozenset(
            {
                "bad_shape",
                "bad_syntax",
                "not_text",
                "number_out_of_range",
                "too_deep",
                "bad_signature",
            }
        ),
    ),
    Target(
        "lease.answer",
        _lease_answer,
        _lease_answer_corpus,
        (
            *("services.failover_monitor.lease.store:JetStreamLease.read",),
            *("services.failover_monitor.lease.store:JetStreamLease._key_state",),
        ),
        frozenset({"no_news", "bad_shape", "bad_syntax", "bad_signature"}),
        slow="each input takes a turn of an event loop",
    ),
    Target(
        "servers.answers",
        _answers,
        _answers_corpus,
        (
            *("services.failover_monitor.log_servers.leaders:LeaderPlacement._meta",),
            *("services.failover_monitor.log_servers.leaders:_meta_group",),
            *("services.failover_monitor.log_servers.leaders:is_current",),
            *(
                "services.failover_monitor.log_servers.leaders:_result",
                "services.failover_monitor.log_servers.servers:_read_report",
            ),
            *(
                "services.failover_monitor.log_servers.servers:_read_storage",
                "services.failover_monitor.log_servers.servers:_behind",
            ),
            *("shared.messaging.alone:is_alone",),
        ),
        frozenset({"no_answer"}),
        slow="each input takes a turn of an event loop",
    ),
    Target(
        "servers.version",
        _version,
        lambda: (
            b"2.0.0",
            b"1.0",
            b"",
            b"x",
            b"999999999.1",
            b"9999999999.1",
            "\u0662.1".encode(),
            b"2",
        ),
        ("shared.domain.release:is_newer_major",),
        frozenset({"no_obstacle"}),
    ),
)
