import json
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import NodeId, PathGeneration
from shared.wire.relay import (
    LONGEST_FRAME_BYTES,
    BadFrame,
    Frame,
    FrameReader,
    Hello,
    Ping,
    Pong,
    Ready,
    RefusalCode,
    Refused,
    Wait,
    encode_hello,
    encode_ping,
    encode_pong,
    encode_ready,
    encode_refused,
    encode_wait,
)

BERLIN = NodeId("berlin")
SEVEN = PathGeneration(7)
FULL = encode_refused(RefusalCode.FULL, "no room", 2)

LAST_WORDS: list[tuple[bytes, Frame]] = [
    (encode_hello("a.b.c"), Hello("a.b.c")),
    (encode_ready(BERLIN, SEVEN), Ready(BERLIN, SEVEN)),
    (FULL, Refused("full", "no room", 2)),
    (encode_refused(RefusalCode.CLOSED, "over", None), Refused("closed", "over", None)),
]


def raw(kind: int, payload: bytes) -> bytes:
    return struct.pack("!HB", 1 + len(payload), kind) + payload


def test_hello_is_length_type_version_and_ticket() -> None:
    assert encode_hello("abc") == b"\x00\x05\x01\x01abc"


def test_ready_names_node_and_generation_in_json() -> None:
    frame = encode_ready(BERLIN, SEVEN)
    assert frame[2] == 3
    assert json.loads(frame[3:]) == {"node": "berlin", "generation": 7}


def test_ping_is_length_type_version_nonce_and_ticket() -> None:
    assert encode_ping(258, "abc") == b"\x00\x09\x05\x01\x00\x00\x01\x02abc"


def test_a_connection_may_say_ping_and_hear_pong_several_times() -> None:
    reader = FrameReader()
    pings = encode_ping(1, "a.b.c") + encode_ping(2**32 - 1, "a.b.c")
    assert reader.feed(pings) == [Ping(1, "a.b.c"), Ping(2**32 - 1, "a.b.c")]
    assert reader.feed(encode_pong(BERLIN, 7) + encode_pong(BERLIN, 8)) == [
        Pong(BERLIN, 7),
        Pong(BERLIN, 8),
    ]
    assert not reader.done


def test_nothing_is_read_after_a_hello_that_follows_a_ping() -> None:
    reader = FrameReader()
    reader.feed(encode_ping(1, "a.b.c") + encode_hello("a.b.c") + FULL)
    assert reader.leftover == FULL


@pytest.mark.parametrize(("data", "frame"), LAST_WORDS)
def test_what_is_encoded_is_read_back(data: bytes, frame: Frame) -> None:
    assert FrameReader().feed(data) == [frame]


@given(st.lists(st.integers(1, 40)), st.sampled_from(LAST_WORDS), st.binary(max_size=64))
def test_frames_come_out_the_same_however_the_bytes_are_cut(
    cuts: list[int], last: tuple[bytes, Frame], tail: bytes
) -> None:
    data = encode_wait(BERLIN) + encode_wait(BERLIN) + last[0] + tail
    reader, frames = FrameReader(), list[Frame]()
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        frames += reader.feed(piece)
    assert frames == [Wait(BERLIN), Wait(BERLIN), last[1]]
    assert reader.leftover == tail


def test_nothing_is_left_over_while_frames_are_expected() -> None:
    reader = FrameReader()
    assert reader.feed(encode_wait(BERLIN) + FULL[:5]) == [Wait(BERLIN)]
    assert reader.leftover == b""
    assert not reader.done


def test_bytes_after_ready_are_never_parsed() -> None:
    reader = FrameReader()
    reader.feed(encode_ready(BERLIN, SEVEN) + FULL)
    assert reader.feed(FULL) == []
    assert reader.leftover == FULL + FULL


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x00\x00\x01",
        raw(0, b"x"),
        raw(7, b"x"),
        raw(5, b"\x01\x00\x00\x01"),
        raw(5, b"\x01\x00\x00\x00\x01\xff"),
        raw(6, b'{"node":"berlin"}'),
        raw(6, b'{"node":"berlin","nonce":"one"}'),
        struct.pack("!HB", LONGEST_FRAME_BYTES - 1, 1),
        raw(1, b"\x01\xff"),
        raw(2, b"not json"),
        raw(2, b"[]"),
        raw(3, b"{}"),
        raw(3, b'{"node":"berlin","generation":null}'),
        raw(3, b'{"node":"berlin","generation":Infinity}'),
        raw(4, b'{"code":"full"}'),
        raw(4, b"[" * 4000),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame) as caught:
        FrameReader().feed(data)
    assert caught.value.refusal is RefusalCode.BAD_HELLO


@pytest.mark.parametrize("kind", [1, 5])
@pytest.mark.parametrize("payload", [b"", b"\x00abc", b"\x02abc"])
def test_another_version_is_refused_as_such(kind: int, payload: bytes) -> None:
    with pytest.raises(BadFrame, match="version 1") as caught:
        FrameReader().feed(raw(kind, payload))
    assert caught.value.refusal is RefusalCode.BAD_VERSION


def test_the_longest_ticket_fits_and_one_character_more_does_not() -> None:
    longest = "t" * (LONGEST_FRAME_BYTES - 4)
    data = encode_hello(longest)
    assert len(data) == LONGEST_FRAME_BYTES
    assert FrameReader().feed(data) == [Hello(longest)]
    with pytest.raises(BadFrame, match="4096 bytes"):
        encode_hello(longest + "t")


def test_a_ticket_beyond_ascii_is_refused_at_its_sender() -> None:
    with pytest.raises(BadFrame, match="ASCII"):
        encode_hello("tické")
    with pytest.raises(BadFrame, match="ASCII"):
        encode_ping(1, "tické")


def test_fields_of_a_newer_relay_are_ignored_and_its_codes_kept() -> None:
    payload = b'{"code":"too_hot","message":"later","mood":"bad"}'
    assert FrameReader().feed(raw(4, payload)) == [Refused("too_hot", "later", None)]


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    reader = FrameReader()
    with suppress(BadFrame):
        reader.feed(data)
    assert reader.done or not reader.leftover
