"""A backup's file on this machine: whole or not there, and looked through before it is sent."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.files.backup_file import read_parts, verify_backup, write_backup
from shared.crypto.backup import BackupKey, BackupSealer
from shared.domain.errors import (
    BackupDamaged,
    BackupTruncated,
    BadSettings,
    Unavailable,
    WrongPassphrase,
)
from shared.domain.ids import ClusterId, UnixMillis

PHRASE = BackupKey.of_passphrase("correct horse battery")


def parts() -> list[bytes]:
    sealer = BackupSealer(
        PHRASE, ClusterId("0123456789abcdef"), "support.example.com", UnixMillis(5)
    )
    return [sealer.begin(), sealer.frame(b"one"), sealer.frame(b"two", is_last=True)]


def test_it_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    whole, file = parts(), tmp_path / "site.backup"
    header = write_backup(file, whole)
    assert header.site == "support.example.com"
    assert file.read_bytes() == b"".join(whole)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_broken_download_keeps_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    file.write_text("the older one")

    def broken() -> Iterator[bytes]:
        yield from parts()[:2]
        raise Unavailable("the answer broke off")

    with pytest.raises(Unavailable):
        write_backup(file, broken())
    with pytest.raises(BackupTruncated):
        write_backup(file, parts()[:2])
    with pytest.raises(BackupDamaged):
        write_backup(file, [b"<html>a proxy's page</html>"])
    assert file.read_text() == "the older one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be written: there is no such place"):
        write_backup(tmp_path / "nowhere" / "site.backup", parts())


def test_a_file_is_looked_through_with_and_without_its_key(tmp_path: Path) -> None:
    file = tmp_path / "site.backup"
    write_backup(file, parts())
    assert verify_backup(file, None).at == 5
    assert verify_backup(file, PHRASE).by_passphrase
    with pytest.raises(WrongPassphrase):
        verify_backup(file, BackupKey.of_passphrase("another horse battery"))


@pytest.mark.parametrize(
    ("content", "error"), [(b"", BackupTruncated), (b"a letter", BackupDamaged)]
)
def test_what_is_no_backup_is_not_sent(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / "site.backup"
    file.write_bytes(content)
    with pytest.raises(error):
        verify_backup(file, None)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be read: there is no such place"):
        list(read_parts(tmp_path / "nothing"))
