"""The black-box dialect says what the site's own code says: each checks what the other signed."""

import json
from pathlib import Path
from typing import Final

import pytest

from shared.crypto.envelope import MESSAGE, REPLY, Identity, Signer, Verifier
from shared.crypto.join import prepare_node
from shared.crypto.keyring import KeyRing, make_psk
from shared.crypto.node_signature import verify_statement
from shared.domain.ids import ClusterId, NodeId, UnixMillis
from tests.system import wire_dialect
from tests.system.wire_dialect import CONTENT_TYPE, SIGNATURE, Credentials, Speaker, credentials

CLUSTER: Final = ClusterId("c1a55e5")
SUBJECT: Final = "meridian.node.alpha.heartbeat"
PAYLOAD: Final = b'{"node":"alpha"}'


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a state folder that a sender's credentials come from."""
    state = tmp_path_factory.mktemp("state")
    (state / "secrets").mkdir()
    (state / "secrets" / "psk").write_text(f"{make_psk()}\n")
    (state / "secrets" / "nats-service").write_text("a password\n")
    prepare_node(state / "nodes" / "alpha")
    trust = {"cluster_id": CLUSTER, "log_generation": 1, "masters": dict[str, str]()}
    (state / "nodes" / "alpha" / "trust.json").write_text(json.dumps(trust))
    nodes = [
        {"place": {"name": name}, "nats": {"client": port}}
        for name, port in (("bravo", 2), ("alpha", 1))
    ]
    (state / "site.json").write_text(json.dumps({"nodes": nodes}))
    return state


@pytest.fixture(scope="module")
def known(state: Path) -> Credentials:
    return credentials(state, "alpha.gateway")


@pytest.fixture(scope="module")
def keyring(state: Path) -> KeyRing:
    return KeyRing.derive((state / "secrets" / "psk").read_text().strip(), CLUSTER)


def now_ms() -> UnixMillis:
    return UnixMillis(wire_dialect.now_ms())


def test_a_sender_speaks_to_its_own_server_first(known: Credentials) -> None:
    assert known.ports == (1, 2)
    assert (known.user, known.password) == ("service", "a password")


def test_the_site_takes_what_the_dialect_signs(known: Credentials, keyring: KeyRing) -> None:
    headers = Speaker(known).signed(SUBJECT, PAYLOAD)
    verifier = Verifier(keyring, now_ms, UnixMillis(0))
    signed = verifier.check(SUBJECT, headers[SIGNATURE], headers[CONTENT_TYPE], PAYLOAD, live=True)
    assert (signed.identity.node, signed.identity.service) == ("alpha", "gateway")


def test_the_dialect_answers_the_request_that_was_asked(
    known: Credentials, keyring: KeyRing
) -> None:
    requester = Signer(keyring, Identity(NodeId("bravo"), "config", "x"), "b", now_ms)
    header, request = requester.sign(MESSAGE, SUBJECT, "application/json", b"{}")
    asked = {SIGNATURE: header, CONTENT_TYPE: "application/json"}
    assert wire_dialect.is_proven(known, SUBJECT, asked, b"{}")
    answer = Speaker(known).answer(asked, PAYLOAD)
    verifier = Verifier(keyring, now_ms, UnixMillis(0))
    about = ("", answer[SIGNATURE], answer[CONTENT_TYPE], PAYLOAD)
    assert verifier.check(*about, live=False, in_reply_to=request).identity.node == "alpha"


def test_an_answer_of_the_site_is_proven_to_the_dialect(
    known: Credentials, keyring: KeyRing
) -> None:
    signer = Signer(keyring, Identity(NodeId("bravo"), "config", "x"), "b", now_ms)
    header, _ = signer.sign(REPLY, "", "application/json", PAYLOAD, "boot+7")
    headers = {SIGNATURE: header, CONTENT_TYPE: "application/json"}
    assert wire_dialect.is_proven(known, "", headers, PAYLOAD)
    assert not wire_dialect.is_proven(known, "", headers, PAYLOAD + b" ")


def test_a_tool_outside_takes_what_the_dialect_attests(state: Path, known: Credentials) -> None:
    keys = {NodeId("alpha"): prepare_node(state / "nodes" / "alpha")}
    header = Speaker(known).attested(SUBJECT, PAYLOAD)
    assert verify_statement(keys, header, SUBJECT, PAYLOAD).node == "alpha"
