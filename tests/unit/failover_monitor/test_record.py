"""The lease's record as text, and who may have written it."""

import json
from dataclasses import replace

import pytest

from services.failover_monitor.core.record import LeaseRecord, are_of_one_bucket
from services.failover_monitor.lease.store import RecordSigner, require_in_place
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.messaging.jetstream import EXPECTED_LAST_ON_SUBJECT as EXPECTED_LAST

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
RECORD = LeaseRecord(Epoch(7), ALPHA, "a1", 3, 1.5, 0.15)
PLACED = replace(RECORD, replaces=41)


def test_a_record_is_read_as_it_was_written() -> None:
    assert LeaseRecord.decode(RECORD.encode()) == RECORD
    assert LeaseRecord.decode(PLACED.encode()) == PLACED


def test_a_record_of_a_version_that_did_not_say_what_it_replaces_is_read() -> None:
    text = RECORD.encode().replace(',"replaces":null', "")
    assert "replaces" not in text
    assert LeaseRecord.decode(text) == RECORD
    require_in_place(RECORD, b"")


@pytest.mark.parametrize(
    ("first", "second", "is_older"),
    [
        (RECORD, replace(RECORD, n=4), True),
        (RECORD, RECORD, False),
        (replace(RECORD, n=4), RECORD, False),
        (replace(RECORD, n=9), replace(RECORD, epoch=Epoch(8), n=1), True),
        (replace(RECORD, epoch=Epoch(8), n=1), replace(RECORD, n=9), False),
        (RECORD, replace(RECORD, instance="a2", n=9), False),
        (RECORD, replace(RECORD, holder=BRAVO, n=9), False),
    ],
)
def test_a_record_is_older_than_a_larger_epoch_and_a_later_one_of_its_process(
    first: LeaseRecord, second: LeaseRecord, *, is_older: bool
) -> None:
    assert first.is_older_than(second) is is_older


def test_revisions_of_two_buckets_are_distinguished() -> None:
    assert are_of_one_bucket(1, 2**40)
    assert not are_of_one_bucket(2**40, 2**40 + 1)
    assert are_of_one_bucket(2**40 + 1, 2**41)


def headers(*lines: str) -> bytes:
    return "\r\n".join(("NATS/1.0", *lines, "", "")).encode()


def test_a_record_counts_where_the_server_compared_the_revision_that_it_replaces() -> None:
    require_in_place(PLACED, headers(f"{EXPECTED_LAST}: 41"))
    require_in_place(PLACED, headers("Other: 1", f"{EXPECTED_LAST}: 41"))


@pytest.mark.parametrize(
    "found",
    [
        b"",
        headers(),
        headers(f"{EXPECTED_LAST}: 42"),
        headers(f"{EXPECTED_LAST}: +41"),
        headers(f"{EXPECTED_LAST}:41"),
        headers(f"{EXPECTED_LAST}: 41 "),
        headers(f"{EXPECTED_LAST}: 42", f"{EXPECTED_LAST}: 41"),
        headers(f"{EXPECTED_LAST}: 41", f"{EXPECTED_LAST.lower()}: 41"),
        headers(f"{EXPECTED_LAST}: 41", f"{EXPECTED_LAST}-Subject: $KV.lease.probe.alpha"),
        headers(f"Other: {EXPECTED_LAST}: 42", f"{EXPECTED_LAST}: 41"),
        headers("Nats-Expected-Last-Sequence: 41"),
        b"\xff" * 100,
    ],
)
def test_a_copy_of_a_record_is_recognised_by_what_the_server_compared(found: bytes) -> None:
    with pytest.raises(Undecodable, match="written to replace revision 41"):
        require_in_place(PLACED, found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        RECORD.encode().replace('"n":3', '"n":"x"'),
        replace(RECORD, replaces=7).encode().replace('"replaces":7', '"replaces":"x"'),
        replace(RECORD, ttl=float("inf")).encode(),
        replace(RECORD, ttl=float("nan")).encode(),
        replace(RECORD, margin=-0.1).encode(),
        replace(RECORD, margin=1.5).encode(),
        replace(RECORD, epoch=Epoch(0)).encode(),
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(Undecodable, match="lease record"):
        LeaseRecord.decode(text)


def seal(node: NodeId, key: NodeKey, *masters: tuple[NodeId, NodeKey]) -> RecordSigner:
    known = {name: each.public_b64 for name, each in masters}
    return RecordSigner(node, key, TrustStore(ClusterId("c"), LogGeneration(1), known))


def test_a_record_that_a_known_master_signed_is_read() -> None:
    alpha, bravo = NodeKey.generate(), NodeKey.generate()
    stored = seal(ALPHA, alpha, (ALPHA, alpha)).sign(RECORD)
    assert seal(BRAVO, bravo, (ALPHA, alpha), (BRAVO, bravo)).verify(stored) == RECORD


def test_a_record_of_an_unknown_or_false_signer_is_none() -> None:
    alpha, bravo = NodeKey.generate(), NodeKey.generate()
    stored = seal(ALPHA, alpha, (ALPHA, alpha)).sign(RECORD)
    for masters in ([], [(BRAVO, bravo)], [(ALPHA, bravo)]):
        with pytest.raises(BadSignature, match="no known master signed"):
            seal(BRAVO, bravo, *masters).verify(stored)


def test_a_record_that_was_changed_is_none() -> None:
    alpha = NodeKey.generate()
    mine = seal(ALPHA, alpha, (ALPHA, alpha))
    document = json.loads(mine.sign(RECORD))
    document["record"] = replace(RECORD, epoch=Epoch(8)).encode()
    with pytest.raises(BadSignature, match="no known master signed"):
        mine.verify(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"record":"","signer":"a","signature":"?"}'])
def test_what_is_not_signed_is_none(data: bytes) -> None:
    alpha = NodeKey.generate()
    with pytest.raises(Undecodable, match="lease record"):
        seal(ALPHA, alpha, (ALPHA, alpha)).verify(data)
