"""Writes a backup's file on this machine, whole or not at all, and verifies one."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from shared.crypto.backup import BackupKey, BackupOpener, BackupReader, Header
from shared.domain.errors import BackupTruncated, BadSettings
from shared.domain.files import reason_of

PART_BYTES: Final = 256 << 10


def write_backup(file: Path, parts: Iterable[bytes]) -> Header:
    """Write *parts* to *file* if they are a whole backup; returns the backup's header.

    The parts are written beside *file*, synchronised, and renamed: an older file stays until then.

    Raises:
        BackupRefused: the parts are no whole backup; *file* is as it was.
        BadSettings: the file cannot be written.
    """
    draft, reader = file.with_name(f".{file.name}.new"), BackupReader()
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as open_file:
            for part in parts:
                open_file.write(part)
                for _ in reader.feed(part):
                    pass
            reader.end()
            open_file.flush()
            os.fsync(open_file.fileno())
        draft.replace(file)
        _synchronise(file.absolute().parent)
    except OSError as error:
        raise BadSettings(f"{file} cannot be written: {reason_of(error)}") from error
    finally:
        draft.unlink(missing_ok=True)
    return _header(reader)


def verify_backup(file: Path, key: BackupKey | None) -> Header:
    """Verify the checksum of *file*, and with a *key* open all of it; returns its header.

    Raises:
        BackupRefused: it is not whole or not unchanged, or *key* does not open it.
        BadSettings: the file cannot be read.
    """
    reader = BackupReader()
    for part in read_parts(file):
        for _ in reader.feed(part):
            pass
    reader.end()
    if key is not None:
        opener = BackupOpener(key)
        for part in read_parts(file):
            for _ in opener.feed(part):
                pass
        for _ in opener.end():
            pass
    return _header(reader)


def read_parts(file: Path) -> Iterator[bytes]:
    """Yield the file's bytes, a part at a time.

    Raises:
        BadSettings: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            while part := opened.read(PART_BYTES):
                yield part
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {reason_of(error)}") from error


def _header(reader: BackupReader) -> Header:
    if reader.header is None:
        raise BackupTruncated("the backup holds nothing")
    return reader.header


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
