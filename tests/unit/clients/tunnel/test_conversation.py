import pytest

from clients.tunnel.conversation import (
    ACK_BYTES,
    ControlRecord,
    Conversation,
    decode_claim,
    decode_end,
    encode_end,
)
from clients.tunnel.effects import EndCode, StreamData, StreamId, StreamOpened
from clients.tunnel.frames import PIECE_BYTES
from clients.tunnel.outbox import PREFIX, BadClaim
from clients.tunnel.records import BadRecord
from clients.tunnel.streams import StreamFrame
from shared.domain.ids import Instant
from shared.domain.node import Side

NOW = Instant(10.0)
ACK_SECONDS = 0.05
ONE = StreamId(1)


def conversation(side: Side) -> Conversation:
    return Conversation(side, ACK_SECONDS)


@pytest.fixture
def here() -> Conversation:
    """The representative's half, with one stream and something to say on it."""
    half = conversation(Side.REPRESENTATIVE)
    half.streams.open()
    half.streams.send(ONE, b"hello")
    return half


@pytest.fixture
def there() -> Conversation:
    return conversation(Side.CUSTOMER)


def sent_by(half: Conversation, now: Instant = NOW, *, blocked: bool = False) -> list[memoryview]:
    return [memoryview(record) for record in half.outgoing(now, blocked=blocked)]


def test_the_frames_of_one_end_reach_the_other_in_order(
    here: Conversation, there: Conversation
) -> None:
    effects = [there.receive(record, NOW) for record in sent_by(here)]
    assert effects[0] == StreamOpened(ONE)
    assert isinstance(effects[1], StreamData)
    assert bytes(effects[1].data) == b"hello"
    assert there.received == here.outbox.sent


@pytest.mark.parametrize("order", [(1,), (0, 0), (0, 1, 1)])
def test_a_frame_that_is_not_the_next_is_refused(
    here: Conversation, there: Conversation, order: tuple[int, ...]
) -> None:
    records = sent_by(here)
    for index in order[:-1]:
        there.receive(records[index], NOW)
    with pytest.raises(BadClaim, match="came at"):
        there.receive(records[order[-1]], NOW)


def test_a_little_is_acknowledged_after_a_moment(here: Conversation, there: Conversation) -> None:
    for record in sent_by(here):
        there.receive(record, NOW)
    assert sent_by(there) == []
    assert there.ack_at == NOW + ACK_SECONDS
    (ack,) = sent_by(there, Instant(NOW + ACK_SECONDS))
    assert decode_claim(ack) == here.outbox.sent
    here.receive(ack, NOW)
    assert here.outbox.acknowledged == here.outbox.sent
    assert there.ack_at is None


def test_much_is_acknowledged_at_once(there: Conversation) -> None:
    half = conversation(Side.REPRESENTATIVE)
    half.streams.open()
    half.streams.send(ONE, bytes(ACK_BYTES))
    for record in sent_by(half):
        there.receive(record, NOW)
    (ack,) = sent_by(there)
    assert ack[0] == ControlRecord.ACK


def test_an_acknowledgement_of_what_was_not_sent_is_refused(here: Conversation) -> None:
    with pytest.raises(BadClaim):
        here.receive(memoryview(PREFIX.pack(ControlRecord.ACK, 1, 0)), NOW)


def test_a_blocked_link_carries_an_acknowledgement_only(
    here: Conversation, there: Conversation
) -> None:
    for record in sent_by(here):
        there.receive(record, NOW)
    there.streams.send(ONE, b"answer")
    late = Instant(NOW + ACK_SECONDS)
    assert [record[0] for record in sent_by(there, late, blocked=True)] == [ControlRecord.ACK]
    assert [record[0] for record in sent_by(there, late)] == [StreamFrame.DATA]


def test_a_new_link_goes_on_from_the_claim(here: Conversation) -> None:
    first, second = sent_by(here)
    here.resume_from(len(first))
    assert sent_by(here) == [second]
    with pytest.raises(BadClaim):
        here.resume_from(0)


def test_the_end_is_the_last_record_of_every_link(here: Conversation) -> None:
    here.streams.send(ONE, bytes(PIECE_BYTES * 2))
    here.queue_end(EndCode.CLOSED, "enough")
    records = sent_by(here)
    assert decode_end(records[-1]) == (EndCode.CLOSED, "enough")
    assert [decode_end(record) for record in records[:-1]] == [None] * (len(records) - 1)
    assert sent_by(here) == []
    here.resume_from(0)
    assert decode_end(sent_by(here)[-1]) == (EndCode.CLOSED, "enough")


def test_an_end_with_a_code_of_a_newer_version_is_a_close() -> None:
    strange = PREFIX.pack(ControlRecord.END, 0, 0) + b"went_home\nlate"
    assert decode_end(memoryview(strange)) == (EndCode.CLOSED, "late")


def test_an_end_keeps_its_message_whatever_is_in_it() -> None:
    record = memoryview(encode_end(EndCode.BAD_STREAM, "two\nlines, ünd more"))
    assert decode_end(record) == (EndCode.BAD_STREAM, "two\nlines, ünd more")


def test_a_link_begins_with_an_acknowledgement(here: Conversation) -> None:
    assert decode_claim(memoryview(here.encode_ack())) == 0
    with pytest.raises(BadRecord):
        decode_claim(sent_by(here)[0])
