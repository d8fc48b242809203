import pytest

from services.relay.data_plane.hello import Breach, ticket_in
from shared.domain.errors import InvalidTicket
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import FrameReader, RefusalCode, encode_hello, encode_ready

TICKET = Ticket(
    SessionId("1"), Side.CUSTOMER, NodeId("berlin"), PathGeneration(1), UnixMillis(10**13)
)


def reads(text: str) -> Ticket:
    if text != "good":
        raise InvalidTicket(f"{text} is no good", reason=text)
    return TICKET


def code(answer: Ticket | Breach | None) -> RefusalCode:
    assert isinstance(answer, Breach)
    return answer.refusal.code


def test_a_hello_in_pieces_gives_its_ticket_with_the_last() -> None:
    reader, data = FrameReader(), encode_hello("good")
    for index in range(len(data) - 1):
        assert ticket_in(reader, data[index : index + 1], reads) is None
    assert ticket_in(reader, data[-1:], reads) == TICKET


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("ticket_expired", RefusalCode.TICKET_EXPIRED),
        ("wrong_node", RefusalCode.WRONG_NODE),
        ("invalid_ticket", RefusalCode.INVALID_TICKET),
        ("closed", RefusalCode.INVALID_TICKET),
    ],
)
def test_a_ticket_that_admits_nobody_is_refused_by_its_reason(
    reason: str, expected: RefusalCode
) -> None:
    answer = ticket_in(FrameReader(), encode_hello(reason), reads)
    assert code(answer) is expected
    assert isinstance(answer, Breach)
    assert answer.refusal.message == f"{reason} is no good"


def test_bytes_after_the_hello_are_a_breach() -> None:
    assert code(ticket_in(FrameReader(), encode_hello("good") + b"x", reads)) == "bad_hello"
    reader = FrameReader()
    assert ticket_in(reader, encode_hello("good"), reads) == TICKET
    assert code(ticket_in(reader, b"x", reads)) == "bad_hello"


def test_what_only_a_relay_may_say_is_a_breach() -> None:
    ready = encode_ready(NodeId("berlin"), PathGeneration(1))
    assert code(ticket_in(FrameReader(), ready, reads)) == "bad_hello"


def test_garbage_and_another_version_are_told_apart() -> None:
    assert code(ticket_in(FrameReader(), b"GET / HTTP/1.1", reads)) == "bad_hello"
    assert code(ticket_in(FrameReader(), b"\x00\x03\x01\x02x", reads)) == "bad_version"
