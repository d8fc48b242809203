"""The dialling side reads a relay's answers as they come, and learns how long to stay away."""

import pytest

from shared.domain.ids import NodeId, PathGeneration
from shared.wire.dialling import (
    REFUSED_PAUSE_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    HelloExchange,
    PathReady,
    PathRefused,
    PathWaiting,
    PingExchange,
)
from shared.wire.relay import (
    BadFrame,
    FrameReader,
    Hello,
    Ping,
    RefusalCode,
    encode_pong,
    encode_ready,
    encode_refused,
    encode_wait,
)

BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")
READY = encode_ready(BERLIN, PathGeneration(1))


def test_a_hello_carries_the_ticket() -> None:
    assert FrameReader().feed(HelloExchange("ticket").hello()) == [Hello("ticket")]


def test_a_ticket_that_is_no_ascii_cannot_be_sent() -> None:
    with pytest.raises(BadFrame):
        HelloExchange("t\u00efcket").hello()


def test_a_path_waits_and_becomes_ready_with_the_first_bytes_of_the_other_side() -> None:
    exchange = HelloExchange("ticket")
    assert exchange.receive(encode_wait(BERLIN)[:4]) == []
    assert exchange.receive(encode_wait(BERLIN)[4:]) == [PathWaiting(BERLIN)]
    assert exchange.receive(READY + b"opaque") == [PathReady(BERLIN, b"opaque")]


def test_answers_that_come_together_are_read_in_their_order() -> None:
    answers = HelloExchange("ticket").receive(encode_wait(BERLIN) + READY)
    assert answers == [PathWaiting(BERLIN), PathReady(BERLIN, b"")]


@pytest.mark.parametrize(
    ("code", "retry_after_seconds", "pause_seconds", "reason"),
    [
        (RefusalCode.FULL, 7.0, 7.0, "refused (full): no"),
        (RefusalCode.FULL, 0.0, SHORTEST_PAUSE_SECONDS, "refused (full): no"),
        (RefusalCode.CLOSED, None, REFUSED_PAUSE_SECONDS, "refused (closed): no"),
        (RefusalCode.TIMEOUT, None, SHORTEST_PAUSE_SECONDS, ""),
        (RefusalCode.REPLACED, None, SHORTEST_PAUSE_SECONDS, ""),
    ],
)
def test_a_refusal_says_how_long_to_stay_away_and_why(
    code: RefusalCode, retry_after_seconds: float | None, pause_seconds: float, reason: str
) -> None:
    answers = HelloExchange("ticket").receive(encode_refused(code, "no", retry_after_seconds))
    assert answers == [PathRefused(pause_seconds, reason)]


def test_bytes_outside_the_protocol_are_a_refusal() -> None:
    answers = HelloExchange("ticket").receive(b"HTTP/1.1 200 OK")
    assert answers == [PathRefused(REFUSED_PAUSE_SECONDS, "what answers there is no relay")]


def test_a_ping_is_answered_by_its_pong() -> None:
    exchange = PingExchange(BERLIN, "probe")
    assert FrameReader().feed(exchange.ping(7)) == [Ping(7, "probe")]
    assert exchange.receive(encode_pong(BERLIN, 7)[:3]) is None
    assert exchange.receive(encode_pong(BERLIN, 7)[3:]) is True
    exchange.ping(8)
    assert exchange.receive(encode_pong(BERLIN, 8)) is True


@pytest.mark.parametrize(
    "answer",
    [
        encode_pong(TOKYO, 7),
        encode_pong(BERLIN, 8),
        encode_refused(RefusalCode.BAD_HELLO, "no", None),
    ],
)
def test_any_other_answer_measures_nothing(answer: bytes) -> None:
    exchange = PingExchange(BERLIN, "probe")
    exchange.ping(7)
    assert exchange.receive(answer) is False


def test_a_pong_before_the_first_ping_measures_nothing() -> None:
    assert PingExchange(BERLIN, "probe").receive(encode_pong(BERLIN, 7)) is False
