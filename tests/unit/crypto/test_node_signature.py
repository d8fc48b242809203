"""A node's word for an event: what it covers, and what is refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.node_signature import Statement, attest, verify_statement
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import BadSignature
from shared.domain.ids import NodeId, UnixMillis

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
KEYS = {
    node: NodeKey(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, node in enumerate((ALPHA, BRAVO), start=1)
}
PUBLIC = {node: key.public_b64 for node, key in KEYS.items()}
STATEMENT = Statement(ALPHA, UnixMillis(1_790_000_000_000), "4f2a")
SUBJECT, PAYLOAD = "meridian.event.failover.primary_changed", b'{"node":"alpha"}'
HEADER = attest(KEYS[ALPHA], STATEMENT, SUBJECT, PAYLOAD)


def refused(header: str, subject: str = SUBJECT, payload: bytes = PAYLOAD) -> str:
    with pytest.raises(BadSignature) as caught:
        verify_statement(PUBLIC, header, subject, payload)
    return str(caught.value.attributes["reason"])


def test_the_word_of_a_known_node_holds_and_says_who_when_and_which() -> None:
    assert verify_statement(PUBLIC, HEADER, SUBJECT, PAYLOAD) == STATEMENT


def test_the_header_is_the_same_in_every_version_of_this_project() -> None:
    assert HEADER == (
        "1;alpha;1790000000000;4f2a;"
        "/603bsf8gf46YePLfvfeUb68Vw9SBfnFS1g07uK9USDzCkUzBK8o27H1Q6MhnoKiG88X1FELSo1FJihv7c8aBw=="
    )


@pytest.mark.parametrize(
    ("subject", "payload"),
    [(SUBJECT + "x", PAYLOAD), (SUBJECT, PAYLOAD + b" "), (SUBJECT, b"")],
)
def test_another_subject_or_payload_is_refused(subject: str, payload: bytes) -> None:
    assert refused(HEADER, subject, payload) == "bad_proof"


@pytest.mark.parametrize(
    ("old", "new"), [("1790000000000", "1790000000001"), ("4f2a", "4f2b"), ("alpha", "bravo")]
)
def test_nothing_in_the_header_can_be_changed(old: str, new: str) -> None:
    assert refused(HEADER.replace(old, new)) == "bad_proof"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "unsigned"),
        ("1;alpha;1;2", "unsigned"),
        ("2" + HEADER[1:], "unsigned"),
        (HEADER.replace("1790000000000", "soon"), "malformed"),
        (HEADER.replace("alpha", "mallory"), "unknown_node"),
        (HEADER.rpartition(";")[0] + ";no base64", "malformed"),
        (HEADER.rpartition(";")[0] + ";AAAA", "bad_proof"),
    ],
)
def test_a_malformed_statement_is_refused_with_a_reason(header: str, reason: str) -> None:
    assert refused(header) == reason


@given(st.text(), st.text(), st.binary())
def test_no_text_makes_the_check_fail_otherwise(header: str, subject: str, payload: bytes) -> None:
    with pytest.raises(BadSignature):
        verify_statement(PUBLIC, header, subject.encode(errors="replace").decode(), payload)
