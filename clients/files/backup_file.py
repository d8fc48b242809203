"""A backup's file on this machine: written whole or not at all, and looked through."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from shared.crypto.backup import BackupKey, Header, Opener, Reader
from shared.domain.errors import BackupTruncated, BadSettings

PART_BYTES: Final = 256 << 10


def written(file: Path, parts: Iterable[bytes]) -> Header:
    """Write *parts* to *file* once they have proved to be a whole backup; what it says of itself.

    Written beside it, synchronised, renamed: an older file of that name stands until then.

    Raises:
        BackupRefused: the parts are no whole backup; *file* is as it was.
        BadSettings: the file cannot be written.
    """
    draft, reader = file.with_name(f".{file.name}.new"), Reader()
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
        raise BadSettings(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return _header(reader)


def looked_through(file: Path, key: BackupKey | None) -> Header:
    """What *file* says of itself, once its checksum holds and, with a *key*, all of it opened.

    Raises:
        BackupRefused: it is not whole or not unchanged, or *key* does not open it.
        BadSettings: the file cannot be read.
    """
    reader = Reader()
    for part in parts_of(file):
        for _ in reader.feed(part):
            pass
    reader.end()
    if key is not None:
        opener = Opener(key)
        for part in parts_of(file):
            for _ in opener.feed(part):
                pass
        for _ in opener.end():
            pass
    return _header(reader)


def parts_of(file: Path) -> Iterator[bytes]:
    """The file's bytes, a part at a time.

    Raises:
        BadSettings: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            while part := opened.read(PART_BYTES):
                yield part
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {error.strerror or error}") from error


def _header(reader: Reader) -> Header:
    if reader.header is None:
        raise BackupTruncated("the backup holds nothing")
    return reader.header


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
