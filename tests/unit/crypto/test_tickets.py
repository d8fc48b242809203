import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.proven import LIMIT_BYTES, Purpose, prove
from shared.crypto.tickets import (
    PROBE_TICKET_MS,
    issue_probe_ticket,
    issue_ticket,
    read_ticket,
    require_probe_ticket,
)
from shared.domain.errors import InvalidTicket
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits

CURRENT, PREVIOUS = Keys("aaaaaaaa", b"", b"n" * 32), Keys("bbbbbbbb", b"", b"p" * 32)
RING = KeyRing(CURRENT, PREVIOUS)
BERLIN = NodeId("berlin")
NOW = UnixMillis(1_000)
TICKET = Ticket(
    SessionId("4821739"),
    Side.CUSTOMER,
    BERLIN,
    PathGeneration(3),
    UnixMillis(2_000),
    TicketLimits(1_000_000, 60),
)


def reason_of(text: str, *, node: NodeId = BERLIN, now: UnixMillis = NOW) -> object:
    with pytest.raises(InvalidTicket) as caught:
        read_ticket(RING, text, node=node, now_ms=now)
    return caught.value.attributes["reason"]


@pytest.mark.parametrize("keys", [CURRENT, PREVIOUS])
def test_a_ticket_reads_as_it_was_issued_under_both_keys(keys: Keys) -> None:
    assert read_ticket(RING, issue_ticket(keys, TICKET), node=BERLIN, now_ms=NOW) == TICKET


def test_a_ticket_of_another_cluster_is_refused() -> None:
    text = issue_ticket(Keys("cccccccc", b"", b"x" * 32), TICKET)

    assert reason_of(text) == "invalid_ticket"


def test_a_ticket_ends() -> None:
    assert reason_of(issue_ticket(CURRENT, TICKET), now=UnixMillis(2_000)) == "ticket_expired"


def test_a_ticket_is_for_one_node() -> None:
    assert reason_of(issue_ticket(CURRENT, TICKET), node=NodeId("denver")) == "wrong_node"


@pytest.mark.parametrize("node", ["berlin", "denver"])
def test_a_ticket_without_a_node_is_for_any(node: str) -> None:
    anywhere = replace(TICKET, node=None)
    text = issue_ticket(CURRENT, anywhere)

    assert read_ticket(RING, text, node=NodeId(node), now_ms=NOW) == anywhere


def test_a_ticket_for_one_node_cannot_be_made_one_for_any() -> None:
    body, kid, mac = issue_ticket(CURRENT, TICKET).split(".")
    content = json.loads(urlsafe_b64decode(body + "=="))
    content["node"] = None
    changed = urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    assert reason_of(f"{changed}.{kid}.{mac}") == "invalid_ticket"


def test_a_changed_ticket_is_forged() -> None:
    body, kid, mac = issue_ticket(CURRENT, TICKET).split(".")
    content = json.loads(urlsafe_b64decode(body + "=="))
    content["side"] = "representative"
    changed = urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    assert reason_of(f"{changed}.{kid}.{mac}") == "invalid_ticket"


def test_a_proof_under_the_wrong_key_name_does_not_hold() -> None:
    body, _, mac = issue_ticket(CURRENT, TICKET).split(".")

    assert reason_of(f"{body}.{PREVIOUS.kid}.{mac}") == "invalid_ticket"


def test_an_endless_ticket_is_not_read() -> None:
    assert reason_of("a" * LIMIT_BYTES + "." + CURRENT.kid + ".b") == "invalid_ticket"


def test_a_ticket_that_no_relay_would_read_is_not_written() -> None:
    with pytest.raises(AssertionError, match="no relay would read"):
        issue_ticket(CURRENT, replace(TICKET, session=SessionId("1" * LIMIT_BYTES)))


def test_the_longest_honest_ticket_is_far_from_the_limit() -> None:
    longest = replace(TICKET, node=NodeId("n" * 63), session=SessionId("9" * 64))

    assert len(issue_ticket(CURRENT, longest)) < LIMIT_BYTES / 2


@given(st.text(max_size=200))
def test_garbage_is_an_invalid_ticket_and_nothing_else(text: str) -> None:
    assert reason_of(text) == "invalid_ticket"


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_well_formed_garbage_is_an_invalid_ticket(body: bytes, mac: bytes) -> None:
    parts = (urlsafe_b64encode(part).decode().rstrip("=") for part in (body, mac))
    first, last = parts

    assert reason_of(f"{first}.{CURRENT.kid}.{last}") == "invalid_ticket"


def refusal_of_probe(text: str, now: UnixMillis = NOW) -> object:
    with pytest.raises(InvalidTicket) as caught:
        require_probe_ticket(RING, text, now_ms=now)
    return caught.value.attributes["reason"]


@pytest.mark.parametrize("keys", [CURRENT, PREVIOUS])
def test_a_probe_ticket_is_good_for_its_time_and_not_longer(keys: Keys) -> None:
    text = issue_probe_ticket(keys, NOW)

    require_probe_ticket(RING, text, now_ms=UnixMillis(NOW + PROBE_TICKET_MS - 1))
    assert refusal_of_probe(text, UnixMillis(NOW + PROBE_TICKET_MS)) == "ticket_expired"


def test_a_probe_ticket_opens_no_path_and_a_path_s_ticket_is_no_probe() -> None:
    assert reason_of(issue_probe_ticket(CURRENT, NOW)) == "invalid_ticket"
    assert refusal_of_probe(issue_ticket(CURRENT, TICKET)) == "invalid_ticket"


@pytest.mark.parametrize("before", ["probe/v1", "probe/v1.", "probe/v1 ", " ", "."])
def test_no_words_before_a_probe_ticket_make_it_a_path_s(before: str) -> None:
    assert reason_of(before + issue_probe_ticket(CURRENT, NOW)) == "invalid_ticket"


@pytest.mark.parametrize("document", [{}, {"expires": None}, {"expires": "soon"}])
def test_a_proven_document_that_is_no_probe_ticket_is_not_read(document: dict[str, object]) -> None:
    assert refusal_of_probe(prove(CURRENT, Purpose.PROBE, document)) == "invalid_ticket"


def test_a_proven_list_is_no_ticket() -> None:
    assert reason_of(prove(CURRENT, Purpose.PATH, [])) == "invalid_ticket"  # type: ignore[arg-type]
    assert refusal_of_probe(prove(CURRENT, Purpose.PROBE, [])) == "invalid_ticket"  # type: ignore[arg-type]


@given(st.text(max_size=200))
def test_garbage_is_no_probe_ticket(text: str) -> None:
    assert refusal_of_probe(text) == "invalid_ticket"
