"""The lease's record as text, and who may have written it."""

import json
from dataclasses import replace

import pytest

from services.failover_monitor.core.record import LeaseRecord
from services.failover_monitor.store import Seal
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.decoding.errors import Undecodable
from shared.domain.errors import BadSignature
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
RECORD = LeaseRecord(Epoch(7), ALPHA, "a1", 3, 1.5, 0.15)


def test_a_record_is_read_as_it_was_written() -> None:
    assert LeaseRecord.decode(RECORD.encode()) == RECORD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        RECORD.encode().replace('"n":3', '"n":"x"'),
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


def seal(node: NodeId, key: NodeKey, *masters: tuple[NodeId, NodeKey]) -> Seal:
    known = {name: each.public_b64 for name, each in masters}
    return Seal(node, key, TrustStore(ClusterId("c"), LogGeneration(1), known))


def test_a_record_that_a_known_master_signed_is_read() -> None:
    alpha, bravo = NodeKey.generate(), NodeKey.generate()
    stored = seal(ALPHA, alpha, (ALPHA, alpha)).close(RECORD)
    assert seal(BRAVO, bravo, (ALPHA, alpha), (BRAVO, bravo)).open(stored) == RECORD


def test_a_record_of_an_unknown_or_false_signer_is_none() -> None:
    alpha, bravo = NodeKey.generate(), NodeKey.generate()
    stored = seal(ALPHA, alpha, (ALPHA, alpha)).close(RECORD)
    for masters in ([], [(BRAVO, bravo)], [(ALPHA, bravo)]):
        with pytest.raises(BadSignature, match="no known master signed"):
            seal(BRAVO, bravo, *masters).open(stored)


def test_a_record_that_was_changed_is_none() -> None:
    alpha = NodeKey.generate()
    mine = seal(ALPHA, alpha, (ALPHA, alpha))
    document = json.loads(mine.close(RECORD))
    document["record"] = replace(RECORD, epoch=Epoch(8)).encode()
    with pytest.raises(BadSignature, match="no known master signed"):
        mine.open(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"record":"","signer":"a","signature":"?"}'])
def test_what_is_not_signed_is_none(data: bytes) -> None:
    alpha = NodeKey.generate()
    with pytest.raises(Undecodable, match="lease record"):
        seal(ALPHA, alpha, (ALPHA, alpha)).open(data)
