import pytest

from services.relay.data_plane.hello import Pings, ProtocolViolation, parse_hello
from shared.domain.errors import InvalidTicket
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import FrameReader, RefusalCode, encode_hello, encode_ping, encode_ready

TICKET = Ticket(
    SessionId("1"), Side.CUSTOMER, NodeId("berlin"), PathGeneration(1), UnixMillis(10**13)
)


class Tickets:
    """Takes the ticket "good" for a path and "probe" for pings."""

    def __init__(self) -> None:
        self.probes = 0

    def read_path_ticket(self, text: str) -> Ticket:
        if text != "good":
            raise InvalidTicket(f"{text} is no good", reason=text)
        return TICKET

    def require_probe(self, text: str) -> None:
        self.probes += 1
        if text != "probe":
            raise InvalidTicket(f"{text} is no good", reason="invalid_ticket")


READS = Tickets()


def code(answer: Ticket | Pings | ProtocolViolation | None) -> RefusalCode:
    assert isinstance(answer, ProtocolViolation)
    return answer.refusal.code


def test_a_hello_in_pieces_gives_its_ticket_with_the_last() -> None:
    reader, data = FrameReader(), encode_hello("good")
    for index in range(len(data) - 1):
        assert parse_hello(reader, data[index : index + 1], READS) is None
    assert parse_hello(reader, data[-1:], READS) == TICKET


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
    answer = parse_hello(FrameReader(), encode_hello(reason), READS)
    assert code(answer) is expected
    assert isinstance(answer, ProtocolViolation)
    assert answer.refusal.message == f"{reason} is no good"


def test_bytes_after_the_hello_are_a_breach() -> None:
    assert code(parse_hello(FrameReader(), encode_hello("good") + b"x", READS)) == "bad_hello"
    reader = FrameReader()
    assert parse_hello(reader, encode_hello("good"), READS) == TICKET
    assert code(parse_hello(reader, b"x", READS)) == "bad_hello"


def test_what_only_a_relay_may_say_is_a_breach() -> None:
    ready = encode_ready(NodeId("berlin"), PathGeneration(1))
    assert code(parse_hello(FrameReader(), ready, READS)) == "bad_hello"


def test_garbage_and_another_version_are_different_violations() -> None:
    assert code(parse_hello(FrameReader(), b"GET / HTTP/1.1", READS)) == "bad_hello"
    assert code(parse_hello(FrameReader(), b"\x00\x03\x01\x02x", READS)) == "bad_version"


def test_pings_are_read_one_by_one_and_several_at_once() -> None:
    reader = FrameReader()
    assert parse_hello(reader, encode_ping(1, "probe")[:9], READS) is None
    assert parse_hello(reader, encode_ping(1, "probe")[9:], READS) == Pings((1,))
    both = encode_ping(2, "probe") + encode_ping(3, "probe")
    assert parse_hello(reader, both, READS) == Pings((2, 3))


def test_pings_that_came_together_cost_one_check_of_their_ticket() -> None:
    tickets = Tickets()
    parse_hello(FrameReader(), encode_ping(1, "probe") * 5, tickets)
    assert tickets.probes == 1


@pytest.mark.parametrize("ticket", ["good", "forged"])
def test_a_ping_needs_a_probe_ticket(ticket: str) -> None:
    data = encode_ping(1, "probe") + encode_ping(2, ticket)
    assert code(parse_hello(FrameReader(), data, READS)) is RefusalCode.INVALID_TICKET


def test_a_probe_ticket_is_no_good_in_a_hello() -> None:
    assert (
        code(parse_hello(FrameReader(), encode_hello("probe"), READS)) is RefusalCode.INVALID_TICKET
    )


def test_a_hello_and_a_ping_at_once_are_a_breach() -> None:
    data = encode_ping(1, "probe") + encode_hello("good")
    assert code(parse_hello(FrameReader(), data, READS)) is RefusalCode.BAD_HELLO
    data = encode_hello("good") + encode_ping(1, "probe")
    assert code(parse_hello(FrameReader(), data, READS)) is RefusalCode.BAD_HELLO
