"""A backup's file: what comes back is what went in, and nothing else is believed."""

import hashlib
import json

import pytest

from shared.crypto.backup import (
    LARGEST_FRAME,
    LENGTH,
    MAGIC,
    BackupKey,
    BackupOpener,
    BackupReader,
    BackupSealer,
    Header,
)
from shared.domain.errors import (
    BackupDamaged,
    BackupForeign,
    BackupRefused,
    BackupTooNew,
    BackupTruncated,
    InvalidChange,
    WrongPassphrase,
)
from shared.domain.ids import ClusterId, UnixMillis

CLUSTER = ClusterId("0123456789abcdef")
OWN = BackupKey(b"k" * 32, by_passphrase=False)
PHRASE = BackupKey.of_passphrase("correct horse battery")
FRAMES = (b"first", b"second" * 1_000, b"", b"last")


def sealed(key: BackupKey = OWN) -> bytes:
    sealer = BackupSealer(key, CLUSTER, "support.example.com", UnixMillis(5_000))
    parts = [sealer.begin(), *(sealer.frame(each) for each in FRAMES[:-1])]
    return b"".join(parts) + sealer.frame(FRAMES[-1], is_last=True)


def opened(data: bytes, key: BackupKey = OWN, step: int = 1 << 20) -> list[bytes]:
    opener, frames = BackupOpener(key), list[bytes]()
    for start in range(0, len(data), step):
        frames += opener.feed(data[start : start + step])
    return [*frames, *opener.end()]


WHOLE = sealed()


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_it_opens_however_its_bytes_come(step: int) -> None:
    assert opened(WHOLE, step=step) == list(FRAMES)


def test_a_passphrase_opens_what_it_sealed() -> None:
    assert opened(sealed(PHRASE), PHRASE) == list(FRAMES)


def test_who_did_not_answer_is_known_without_a_key_and_an_older_header_names_nobody() -> None:
    reader = BackupReader()
    at = UnixMillis(5_000)
    assert list(reader.feed(BackupSealer(OWN, CLUSTER, "x", at, ["bravo"]).begin())) == []
    assert reader.header is not None
    assert reader.header.silent == ("bravo",)
    older = json.loads(reader.raw_header)
    del older["silent"]
    assert Header.decode(json.dumps(older).encode()).silent == ()


def test_the_header_is_read_without_a_key() -> None:
    reader = BackupReader()
    for _ in reader.feed(WHOLE):
        pass
    reader.end()
    header = reader.header
    assert header is not None
    assert (header.site, header.cluster_id, header.at) == ("support.example.com", CLUSTER, 5_000)
    assert not header.by_passphrase


def test_no_two_files_share_a_key() -> None:
    assert sealed() != sealed()


def test_nothing_of_it_can_be_read_in_clear() -> None:
    assert b"second" not in WHOLE


def test_a_truncated_one_is_refused_wherever_it_ends() -> None:
    for length in {*range(300), *range(300, len(WHOLE), 97), *range(len(WHOLE) - 60, len(WHOLE))}:
        with pytest.raises(BackupTruncated):
            opened(WHOLE[:length])


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    for place in range(0, len(WHOLE), 23):
        data = bytearray(WHOLE)
        data[place] ^= 1
        with pytest.raises(BackupRefused):
            opened(bytes(data))


def test_a_frame_cannot_be_left_out_also_with_another_checksum() -> None:
    frames = parts(WHOLE)
    for forged in (frames[:1] + frames[2:], [frames[0], frames[2], frames[1], *frames[3:]]):
        with pytest.raises(BackupDamaged, match="is not what was sealed"):
            opened(joined(forged))


def test_it_cannot_be_cut_off_also_with_another_checksum() -> None:
    with pytest.raises(BackupDamaged, match="part 2 of the backup is not what was sealed"):
        opened(joined(parts(WHOLE)[:4]))
    with pytest.raises(BackupTruncated, match="holds nothing"):
        opened(joined(parts(WHOLE)[:1]))


def test_a_header_cannot_be_changed_also_with_another_checksum() -> None:
    head, *frames = parts(WHOLE)
    changed = head.replace(b"support", b"another")
    with pytest.raises(BackupDamaged, match="part 0"):
        opened(joined([changed, *frames]))


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(BackupDamaged, match="follows the backup's end"):
        opened(WHOLE + b"x")
    opener = BackupOpener(OWN)
    for _ in opener.feed(WHOLE):
        pass
    with pytest.raises(BackupDamaged, match="follows the backup's end"):
        for _ in opener.feed(b"x"):
            pass


def test_another_file_is_no_backup() -> None:
    for data in (b"PK\x03\x04 a zip", b"meridian-backup\r\n" + b"x" * 100):
        with pytest.raises(BackupDamaged, match="no backup of a Meridian site"):
            opened(data)


def test_a_later_format_is_refused_by_its_number() -> None:
    head, *frames = parts(WHOLE)
    later = head.replace(b'"version":1', b'"version":2')
    with pytest.raises(BackupTooNew, match="has format 2, this release reads up to 1"):
        opened(joined([later, *frames]))


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b'{"version":1}', b'{"version":"x"}'])
def test_a_header_of_another_shape_is_refused(header: bytes) -> None:
    with pytest.raises(BackupDamaged, match="header cannot be read"):
        Header.decode(header)


def test_another_key_is_distinguished_from_damage() -> None:
    other = BackupKey(b"o" * 32, by_passphrase=False)
    with pytest.raises(BackupForeign, match="does not open with this site's secret"):
        opened(WHOLE, other)
    with pytest.raises(WrongPassphrase, match="not the passphrase"):
        opened(sealed(PHRASE), BackupKey.of_passphrase("correct horse batterY"))
    with pytest.raises(WrongPassphrase, match="sealed with a passphrase"):
        opened(sealed(PHRASE), OWN)
    with pytest.raises(WrongPassphrase, match="sealed with the site's secret, no passphrase"):
        opened(WHOLE, PHRASE)


def test_a_part_larger_than_any_may_be_is_not_waited_for() -> None:
    with pytest.raises(BackupDamaged, match="longer than any part may be"):
        opened(MAGIC + LENGTH.pack(LARGEST_FRAME))
    head = parts(WHOLE)[0]
    with pytest.raises(BackupDamaged, match="longer than any part may be"):
        opened(MAGIC + LENGTH.pack(len(head)) + head + LENGTH.pack(LARGEST_FRAME + 1))


def test_a_short_passphrase_keeps_nobody_out() -> None:
    with pytest.raises(InvalidChange, match="has 11 characters: use 12 or more"):
        BackupKey.of_passphrase("eleven char")


def parts(data: bytes) -> list[bytes]:
    """The header and the frames."""
    found, place = list[bytes](), len(MAGIC)
    while (size := LENGTH.unpack(data[place : place + LENGTH.size])[0]) != 0:
        place += LENGTH.size
        found.append(data[place : place + size])
        place += size
    return found


def joined(forged: list[bytes]) -> bytes:
    """A file of these parts whose checksum holds: anybody can make that."""
    body = MAGIC + b"".join(LENGTH.pack(len(each)) + each for each in forged) + LENGTH.pack(0)
    return body + hashlib.sha256(body).digest()
