"""Snapshots as bytes: what comes back is what went in, and nothing else is read as one."""

import json
from dataclasses import replace

import pytest

from services.replication.core.snapshot import Snapshot
from shared.decoding.errors import Undecodable
from shared.domain.document import Document
from shared.domain.ids import Epoch, NodeId, RequestId, Revision, Sequence, UnixMillis
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.request import AnsweredRequest
from shared.domain.snapshot import Scope, SignedSnapshot
from tests.integration.entries import GENERATION, node

POSITION = LogPosition(GENERATION, Revision(7), Sequence(9), Epoch(2), "c" * 64)
SITE = Document("site", "site", Revision(1), {"name": "support.example.com"})
BERLIN = Document("node", "berlin", Revision(3), node())
RITA = Document("user", "rita", Revision(4), {"role": "auditor", "display_name": "Ritä"})
REQUESTS = (
    AnsweredRequest(RequestId("r1"), "digest", Revision(3), UnixMillis(1_000)),
    AnsweredRequest(RequestId("r2"), "other", Revision(4), UnixMillis(2_000)),
)
WHOLE = Snapshot(POSITION, ReplicationMode.DEGRADED, (SITE, BERLIN, RITA), REQUESTS)


def test_a_snapshot_is_read_as_it_was_written() -> None:
    assert Snapshot.decode(WHOLE.encode()) == WHOLE


def test_within_the_directory_there_are_no_users_and_no_requests() -> None:
    directory = WHOLE.within(Scope.DIRECTORY)
    assert directory.documents == (SITE, BERLIN)
    assert directory.requests == ()
    assert directory.scope is Scope.DIRECTORY
    assert (directory.position, directory.mode) == (WHOLE.position, WHOLE.mode)
    assert Snapshot.decode(directory.encode()) == directory
    assert b"rita" not in directory.encode()


def test_the_full_scope_holds_everything() -> None:
    assert WHOLE.within(Scope.FULL) == WHOLE


def test_the_scope_is_among_the_signed_bytes() -> None:
    pretended = replace(WHOLE.within(Scope.DIRECTORY), scope=Scope.FULL)
    assert pretended.encode() != WHOLE.within(Scope.DIRECTORY).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "meridian/snapshot/v0"},
        {"type": None},
        {"position": {}},
        {"position": None},
        {"mode": "asleep"},
        {"scope": "half"},
        {"documents": [{"kind": "node"}]},
        {"documents": 5},
        {"requests": [["r1", "d"]]},
        {"requests": [["r1", "d", "x", 1]]},
    ],
)
def test_what_has_another_shape_is_no_snapshot(change: dict[str, object]) -> None:
    content = json.loads(WHOLE.encode()) | change
    with pytest.raises(Undecodable, match="snapshot"):
        Snapshot.decode(json.dumps(content).encode())


@pytest.mark.parametrize("field", ["type", "position", "mode", "scope", "documents", "requests"])
def test_every_field_must_be_there(field: str) -> None:
    content = json.loads(WHOLE.encode())
    del content[field]
    with pytest.raises(Undecodable, match="snapshot"):
        Snapshot.decode(json.dumps(content).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b"\xff\xfe"])
def test_any_other_bytes_are_no_snapshot(data: bytes) -> None:
    with pytest.raises(Undecodable, match="snapshot"):
        Snapshot.decode(data)
    with pytest.raises(Undecodable, match="signed snapshot"):
        SignedSnapshot.decode(data)


def test_a_signed_snapshot_carries_the_very_bytes_that_were_signed() -> None:
    signed = SignedSnapshot(WHOLE.encode(), NodeId("alpha"), b"\x01\x02")
    assert SignedSnapshot.decode(signed.encode()) == signed


def test_a_signature_that_is_no_hex_is_refused() -> None:
    content = {"body": "{}", "signer": "alpha", "signature": "zz"}
    with pytest.raises(Undecodable, match="signed snapshot"):
        SignedSnapshot.decode(json.dumps(content).encode())
