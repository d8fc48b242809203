import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.tunnel.outbox import PREFIX, BadClaim, Outbox

DATA = 17
FRAME = PREFIX.size + 10


def filled(count: int = 4) -> Outbox:
    outbox = Outbox()
    for number in range(count):
        outbox.append(DATA, number, b"0123456789")
    return outbox


def drained(outbox: Outbox) -> list[bytes]:
    frames: list[bytes] = []
    while (frame := outbox.next()) is not None:
        frames.append(frame)
    return frames


def test_a_frame_has_its_kind_its_offset_and_its_stream() -> None:
    first, second = drained(filled(2))
    assert PREFIX.unpack_from(first) == (DATA, 0, 0)
    assert PREFIX.unpack_from(second) == (DATA, FRAME, 1)
    assert second[PREFIX.size :] == b"0123456789"


def test_after_a_rewind_the_same_frames_come_again_at_the_same_offsets() -> None:
    outbox = filled()
    frames = drained(outbox)
    outbox.rewind(FRAME)
    assert outbox.sent == FRAME
    assert drained(outbox) == frames[1:]
    assert outbox.sent == outbox.appended


def test_a_rewind_keeps_what_was_not_yet_sent_behind_what_was() -> None:
    outbox = filled()
    first = outbox.next()
    outbox.rewind(0)
    assert drained(outbox)[0] == first


@pytest.mark.parametrize("claim", [-1, 1, FRAME - 1, FRAME * 2 + 1, FRAME * 3, 10**9])
def test_a_claim_of_what_was_not_sent_or_between_frames_is_refused(claim: int) -> None:
    outbox = filled()
    outbox.next()
    outbox.next()
    with pytest.raises(BadClaim):
        outbox.rewind(claim)


def test_a_claim_of_less_than_was_acknowledged_is_refused() -> None:
    outbox = filled()
    drained(outbox)
    outbox.acknowledge(FRAME * 2)
    with pytest.raises(BadClaim, match=f"{FRAME} is not between {FRAME * 2}"):
        outbox.rewind(FRAME)


def test_a_full_outbox_has_room_again_when_it_is_acknowledged() -> None:
    outbox = Outbox(limit_bytes=FRAME * 2)
    room = [outbox.has_room]
    for _ in range(2):
        outbox.append(DATA, 1, b"0123456789")
        room.append(outbox.has_room)
    drained(outbox)
    outbox.acknowledge(FRAME)
    assert [*room, outbox.has_room] == [True, True, False, True]


class Wire:
    """A link that loses what is under way, and the other end's record of what came."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.taken = bytearray()
        self.under_way: list[bytes] = []
        self.written: list[bytes] = []

    def append(self, number: int) -> None:
        text = bytes([number]) * (number % 7)
        self.written.append(text)
        self.outbox.append(DATA, number, text)

    def send(self, number: int) -> None:
        if (frame := self.outbox.next()) is not None:
            self.under_way.append(frame)

    def acknowledge(self, number: int) -> None:
        self.arrive(len(self.under_way))
        self.outbox.acknowledge(len(self.taken))

    def lose(self, number: int) -> None:
        """Only some of what was under way arrived."""
        self.arrive(number % (len(self.under_way) + 1))
        self.under_way.clear()
        self.outbox.rewind(len(self.taken))

    def arrive(self, count: int) -> None:
        for frame in self.under_way[:count]:
            assert PREFIX.unpack_from(frame)[1] == len(self.taken)
            self.taken += frame
        del self.under_way[:count]


@given(st.lists(st.sampled_from(["append", "send", "acknowledge", "lose"]), max_size=60))
def test_what_the_other_end_takes_is_the_stream_whatever_breaks(steps: list[str]) -> None:
    wire = Wire()
    for number, step in enumerate([*steps, "lose"]):
        getattr(wire, step)(number)
    wire.under_way = drained(wire.outbox)
    wire.arrive(len(wire.under_way))
    assert len(wire.taken) == wire.outbox.appended
    place = 0
    numbers = [number for number, step in enumerate(steps) if step == "append"]
    for number, text in zip(numbers, wire.written, strict=True):
        assert PREFIX.unpack_from(wire.taken, place) == (DATA, place, number)
        assert wire.taken[place + PREFIX.size :].startswith(text)
        place += PREFIX.size + len(text)
