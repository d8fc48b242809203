from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from clients.tunnel.frames import (
    HEAD,
    LONGEST_PAYLOAD_BYTES,
    LONGEST_PLAIN_BYTES,
    BadTunnelFrame,
    FrameKind,
    TunnelFrameReader,
    encode,
)
from clients.tunnel.records import BadRecord, Opener, Sealer

KEY = bytes(range(32))


def frames_of(reader: TunnelFrameReader, data: bytes) -> list[tuple[FrameKind, bytes]]:
    return [(kind, bytes(payload)) for kind, payload in reader.feed(data)]


@given(
    st.lists(st.tuples(st.sampled_from(FrameKind), st.binary(max_size=LONGEST_PLAIN_BYTES))),
    st.lists(st.integers(1, 300)),
)
def test_frames_come_out_the_same_however_the_bytes_are_cut(
    frames: list[tuple[FrameKind, bytes]], cuts: list[int]
) -> None:
    data = b"".join(encode(kind, payload) for kind, payload in frames)
    reader, found = TunnelFrameReader(), list[tuple[FrameKind, bytes]]()
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        found += frames_of(reader, piece)
    assert found == frames


@pytest.mark.parametrize(
    "data",
    [
        HEAD.pack(0, 0),
        HEAD.pack(99, 0),
        HEAD.pack(FrameKind.RECORD, LONGEST_PAYLOAD_BYTES + 1),
        HEAD.pack(FrameKind.EXCHANGE, LONGEST_PLAIN_BYTES + 1),
    ],
)
def test_a_stranger_is_noticed_by_the_head_of_a_frame(data: bytes) -> None:
    with pytest.raises(BadTunnelFrame):
        frames_of(TunnelFrameReader(), data)


@given(st.binary(max_size=100))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    with suppress(BadTunnelFrame):
        frames_of(TunnelFrameReader(), data)


def sealed(sealer: Sealer, text: bytes) -> bytes:
    return bytes(sealer.seal(text))


def opened(opener: Opener, frame: bytes) -> bytes:
    ((kind, payload),) = frames_of(TunnelFrameReader(), frame)
    assert kind is FrameKind.RECORD
    return opener.open(memoryview(payload))


@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(1, 5))
def test_records_are_opened_in_the_order_in_which_they_were_sealed(
    texts: list[bytes], rekey: int
) -> None:
    sealer, opener = Sealer(KEY, rekey), Opener(KEY, rekey)
    assert [opened(opener, sealed(sealer, text)) for text in texts] == texts


def test_no_two_records_are_sealed_alike_across_a_rekey() -> None:
    sealer = Sealer(KEY, rekey_records=4)
    records = {sealed(sealer, b"the same") for _ in range(20)}
    assert len(records) == 20


def test_after_a_rekey_the_next_key_counts_from_0_again() -> None:
    sealer = Sealer(KEY, rekey_records=2)
    records = [sealed(sealer, b"text") for _ in range(6)]
    key = KEY
    for start in (0, 2, 4):
        cipher = AESGCM(key)
        for number in (0, 1):
            record = records[start + number]
            head, body = record[: HEAD.size], record[HEAD.size :]
            assert cipher.decrypt(number.to_bytes(12, "big"), body, head) == b"text"
        key = HKDFExpand(SHA256(), 32, b"meridian/rekey/v1").derive(key)


def test_a_record_out_of_order_does_not_open() -> None:
    sealer, opener = Sealer(KEY), Opener(KEY)
    sealed(sealer, b"first")
    with pytest.raises(BadRecord):
        opened(opener, sealed(sealer, b"second"))


def test_a_record_does_not_open_twice() -> None:
    sealer, opener = Sealer(KEY), Opener(KEY)
    record = sealed(sealer, b"once")
    opened(opener, record)
    with pytest.raises(BadRecord):
        opened(opener, record)


@pytest.mark.parametrize("at", [5, 10, -1])
def test_an_altered_record_does_not_open(at: int) -> None:
    record = bytearray(sealed(Sealer(KEY), b"some text"))
    record[at] ^= 1
    with pytest.raises(BadRecord):
        opened(Opener(KEY), bytes(record))


def test_a_record_under_another_key_does_not_open() -> None:
    with pytest.raises(BadRecord):
        opened(Opener(bytes(32)), sealed(Sealer(KEY), b"some text"))


def test_a_record_shorter_than_its_tag_does_not_open() -> None:
    with pytest.raises(BadRecord):
        Opener(KEY).open(memoryview(b"short"))
