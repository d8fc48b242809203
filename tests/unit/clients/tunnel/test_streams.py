import struct
from collections import deque
from itertools import count

import pytest

from clients.tunnel.effects import (
    StreamData,
    StreamEffect,
    StreamFinished,
    StreamId,
    StreamOpened,
    StreamRefused,
    StreamReset,
    StreamWritable,
)
from clients.tunnel.frames import PIECE_BYTES
from clients.tunnel.outbox import PREFIX, Outbox
from clients.tunnel.streams import (
    CREDIT_BYTES,
    LONGEST_REASON_BYTES,
    PENDING_BYTES,
    STREAMS_AT_ONCE,
    UNTAKEN_BYTES,
    WINDOW_BYTES,
    BadStream,
    StreamFrame,
    Streams,
)
from shared.domain.node import Side

ONE, TWO = StreamId(1), StreamId(2)


class Both:
    """Two ends whose frames are passed on by hand."""

    def __init__(self) -> None:
        self.outboxes = {side: Outbox(limit_bytes=10**9) for side in Side}
        self.here = Streams(Side.REPRESENTATIVE, self.outboxes[Side.REPRESENTATIVE])
        self.there = Streams(Side.CUSTOMER, self.outboxes[Side.CUSTOMER])

    def forth(self) -> list[StreamEffect]:
        return self._pass(self.here, self.outboxes[Side.REPRESENTATIVE], self.there)

    def back(self) -> list[StreamEffect]:
        return self._pass(self.there, self.outboxes[Side.CUSTOMER], self.here)

    def _pass(self, source: Streams, outbox: Outbox, target: Streams) -> list[StreamEffect]:
        effects: list[StreamEffect] = []
        while True:
            frame = outbox.next()
            if frame is None:
                if not source.fill():
                    return effects
                continue
            kind, _, stream = PREFIX.unpack_from(frame)
            effect = target.received(kind, stream, memoryview(frame)[PREFIX.size :])
            if effect is not None:
                effects.append(effect)


@pytest.fixture
def both() -> Both:
    ends = Both()
    assert ends.here.open() == ONE
    assert ends.forth() == [StreamOpened(ONE)]
    return ends


def data_in(effects: list[StreamEffect]) -> bytes:
    return b"".join(each.data for each in effects if isinstance(each, StreamData))


def test_bytes_of_a_stream_come_in_order(both: Both) -> None:
    both.here.send(ONE, b"first ")
    both.here.send(ONE, b"second")
    assert data_in(both.forth()) == b"first second"
    both.there.send(ONE, b"answer")
    assert data_in(both.back()) == b"answer"


def test_large_data_is_cut_into_pieces(both: Both) -> None:
    both.here.send(ONE, bytes(PIECE_BYTES * 2 + 1))
    effects = both.forth()
    assert [len(each.data) for each in effects if isinstance(each, StreamData)] == [
        PIECE_BYTES,
        PIECE_BYTES,
        1,
    ]


def test_streams_take_turns(both: Both) -> None:
    both.here.open()
    both.here.send(ONE, bytes(PIECE_BYTES * 2))
    both.here.send(TWO, bytes(PIECE_BYTES * 2))
    effects = both.forth()
    assert [each.stream for each in effects if isinstance(each, StreamData)] == [1, 2, 1, 2]


def test_no_more_than_the_window_goes_before_it_is_consumed(both: Both) -> None:
    both.here.send(ONE, bytes(WINDOW_BYTES + 5))
    assert len(data_in(both.forth())) == WINDOW_BYTES
    both.there.consumed(ONE, CREDIT_BYTES - 1)
    both.back()
    assert data_in(both.forth()) == b""
    both.there.consumed(ONE, 1)
    both.back()
    assert len(data_in(both.forth())) == 5


def test_the_last_piece_before_the_window_is_full_is_cut_to_fit(both: Both) -> None:
    both.here.send(ONE, b"x")
    both.here.send(ONE, bytes(WINDOW_BYTES))
    assert len(data_in(both.forth())) == WINDOW_BYTES


def test_a_stream_without_credit_stops_no_other(both: Both) -> None:
    both.here.open()
    both.here.send(ONE, bytes(WINDOW_BYTES * 2))
    both.forth()
    both.here.send(TWO, b"quick")
    assert data_in(both.forth()) == b"quick"


def test_a_stream_that_waits_takes_no_more_until_it_moved(both: Both) -> None:
    assert both.here.takes_more(ONE)
    both.here.send(ONE, bytes(WINDOW_BYTES + PENDING_BYTES))
    both.forth()
    assert not both.here.takes_more(ONE)
    assert list(both.here.writable()) == []
    both.there.consumed(ONE, WINDOW_BYTES)
    both.back()
    both.forth()
    assert list(both.here.writable()) == [StreamWritable(ONE)]
    assert list(both.here.writable()) == []
    assert both.here.takes_more(ONE)


def test_a_full_outbox_stops_every_stream() -> None:
    outbox = Outbox(limit_bytes=10)
    streams = Streams(Side.REPRESENTATIVE, outbox)
    streams.open()
    streams.send(ONE, b"data")
    assert not streams.fill()


def test_half_a_close_leaves_the_other_half_open(both: Both) -> None:
    both.here.send(ONE, b"question")
    both.here.finish(ONE)
    effects = both.forth()
    assert data_in(effects) == b"question"
    assert effects[-1] == StreamFinished(ONE)
    both.there.send(ONE, b"answer")
    both.there.finish(ONE)
    effects = both.back()
    assert data_in(effects) == b"answer"
    assert effects[-1] == StreamFinished(ONE)
    assert len(both.here) == len(both.there) == 0


def test_an_end_comes_after_the_bytes_that_waited_for_credit(both: Both) -> None:
    both.here.send(ONE, bytes(WINDOW_BYTES + 1))
    both.here.finish(ONE)
    assert StreamFinished(ONE) not in both.forth()
    both.there.consumed(ONE, WINDOW_BYTES)
    both.back()
    effects = both.forth()
    assert len(data_in(effects)) == 1
    assert effects[-1] == StreamFinished(ONE)


def test_ending_twice_is_ending_once(both: Both) -> None:
    both.here.finish(ONE)
    both.here.finish(ONE)
    assert both.forth() == [StreamFinished(ONE)]


def test_a_reset_has_a_reason_and_forgets_the_stream_at_both_ends(both: Both) -> None:
    both.there.send(ONE, b"on its way")
    both.here.reset(ONE, "the connection broke")
    assert both.forth() == [StreamReset(ONE, "the connection broke")]
    assert both.back() == []
    assert len(both.here) == len(both.there) == 0


def test_verbs_for_a_stream_that_is_over_do_nothing(both: Both) -> None:
    both.here.reset(ONE, "over")
    both.forth()
    both.here.send(ONE, b"late")
    both.here.finish(ONE)
    both.here.reset(ONE, "again")
    both.here.consumed(ONE, 5)
    assert both.here.takes_more(ONE)
    assert both.forth() == []


def test_too_many_streams_are_refused_here_and_there(both: Both) -> None:
    for _ in range(STREAMS_AT_ONCE - 1):
        assert both.here.open() is not None
    assert both.here.open() is None
    both.forth()
    last = StreamId(STREAMS_AT_ONCE + 1)
    refused = both.there.received(StreamFrame.OPEN, last, memoryview(b""))
    assert refused == StreamRefused(last)
    assert both.there.received(StreamFrame.DATA, last, memoryview(b"early")) is None
    frame = both.outboxes[Side.CUSTOMER].next()
    assert frame is not None
    assert PREFIX.unpack_from(frame)[::2] == (StreamFrame.RESET, last)


def test_a_flood_of_streams_ends_when_its_answers_are_not_taken() -> None:
    outbox = Outbox()
    customer = Streams(Side.CUSTOMER, outbox)
    opens = (customer.received(StreamFrame.OPEN, each, memoryview(b"")) for each in count(1))
    with pytest.raises(BadStream, match="answers are not taken"):
        deque(opens, maxlen=0)
    assert len(customer) == STREAMS_AT_ONCE
    assert UNTAKEN_BYTES < outbox.appended < UNTAKEN_BYTES + 100


def test_streams_that_are_reset_at_once_are_forgotten() -> None:
    outbox = Outbox(limit_bytes=10)
    customer = Streams(Side.CUSTOMER, outbox)
    for number in range(1, 10_001):
        customer.received(StreamFrame.OPEN, number, memoryview(b""))
        customer.send(StreamId(number), b"what the target said at once")
        customer.received(StreamFrame.RESET, number, memoryview(b""))
    assert (len(customer), outbox.appended) == (0, 0)
    assert not customer.fill()


def test_a_long_reason_of_a_reset_is_cut(both: Both) -> None:
    effect = both.there.received(StreamFrame.RESET, 1, memoryview(b"x" * PIECE_BYTES))
    assert effect == StreamReset(ONE, "x" * LONGEST_REASON_BYTES)


def test_only_the_representative_opens_streams(both: Both) -> None:
    with pytest.raises(AssertionError, match="only the representative"):
        both.there.open()
    with pytest.raises(BadStream, match="may not be opened"):
        both.here.received(StreamFrame.OPEN, TWO, memoryview(b""))


@pytest.mark.parametrize(
    ("kind", "stream", "payload"),
    [
        (StreamFrame.OPEN, 1, b""),
        (StreamFrame.OPEN, 3, b""),
        (StreamFrame.DATA, 2, b"x"),
        (StreamFrame.DATA, 0, b"x"),
        (StreamFrame.DATA, 1, bytes(WINDOW_BYTES + 1)),
        (StreamFrame.CREDIT, 1, b"abc"),
        (StreamFrame.CREDIT, 1, struct.pack("!I", 1)),
        (99, 1, b""),
    ],
)
def test_a_peer_that_breaks_a_rule_is_noticed(
    both: Both, kind: int, stream: int, payload: bytes
) -> None:
    with pytest.raises(BadStream):
        both.there.received(kind, stream, memoryview(payload))


@pytest.mark.parametrize("kind", [StreamFrame.DATA, StreamFrame.FINISH])
def test_nothing_comes_after_the_end_of_a_stream(both: Both, kind: StreamFrame) -> None:
    both.here.finish(ONE)
    both.forth()
    with pytest.raises(BadStream):
        both.there.received(kind, ONE, memoryview(b"x"))


def test_bytes_after_ones_own_end_are_a_fault_of_the_program(both: Both) -> None:
    both.here.finish(ONE)
    with pytest.raises(AssertionError, match="after the end"):
        both.here.send(ONE, b"more")
