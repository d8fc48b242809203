r"""A backup as one file: a header in clear, sealed frames, and a checksum; without I/O.

```
meridian-backup\n                                    so that people and programs know what it is
length (4 bytes) | header (JSON)                    version, cluster, site, when, which key, salt
length (4 bytes) | frame ...                        AES-256-GCM, the number of the frame as nonce
0 (4 bytes)      | SHA-256 of everything before     so that a damaged copy is noticed without a key
```

Every file has a key of its own, derived from its salt, so a nonce never covers two plaintexts. Each
frame is bound to the header, to its number and to whether it is the last: none can be left out,
moved, or cut off at the end. The key comes from the site's secret, or by scrypt from a passphrase.
"""

import base64
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.crypto.keyring import expand
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.decoding.text import equal_in_constant_time
from shared.domain.errors import (
    BackupDamaged,
    BackupForeign,
    BackupTooNew,
    BackupTruncated,
    InvalidChange,
    WrongPassphrase,
)
from shared.domain.ids import ClusterId, UnixMillis

MAGIC: Final = b"meridian-backup\n"
VERSION: Final = 1
LENGTH: Final = struct.Struct(">I")
NUMBER: Final = struct.Struct(">4xQ")
SALT_BYTES: Final = 16
CHECK_BYTES: Final = 8
LARGEST_HEADER: Final = 4_096
LARGEST_FRAME: Final = 4 << 20
"""No frame is larger, so neither is what a reader keeps in memory."""

SHORTEST_PASSPHRASE: Final = 12
SCRYPT_COST: Final = 2**15
SCRYPT_MEMORY: Final = 2**26


class SealedBy(StrEnum):
    """Names, in a backup's header, what opens the backup."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a word of the header
    SITE_SECRET = "site_secret"  # noqa: S105 - a word of the header


@dataclass(frozen=True, slots=True)
class Header:
    """The part of a backup that is readable without its key.

    *silent* are masters that did not answer: what they keep as conflicts is not in it.
    """

    cluster_id: ClusterId
    site: str
    at: UnixMillis
    by_passphrase: bool
    salt: bytes
    check: bytes
    silent: tuple[str, ...] = ()

    def encode(self) -> bytes:
        content = {
            "version": VERSION,
            "cluster_id": self.cluster_id,
            "site": self.site,
            "at_unix_ms": self.at,
            "key": SealedBy.PASSPHRASE if self.by_passphrase else SealedBy.SITE_SECRET,
            "salt": base64.b64encode(self.salt).decode(),
            "check": self.check.hex(),
            "silent": self.silent,
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @staticmethod
    def decode(data: bytes) -> "Header":
        """Read a header.

        Raises:
            BackupTooNew: a later release wrote it.
            BackupDamaged: it is none.
        """
        try:
            content = decode_object(data, "header")
            version = content.integer("version", least=1)
            if version <= VERSION:
                return Header._read(content)
        except Undecodable as error:
            raise BackupDamaged(f"the backup's header cannot be read: {error}") from error
        raise BackupTooNew(
            f"the backup has format {version}, this release reads up to {VERSION}: restore it "
            "with the release that made it, or a later one"
        )

    @staticmethod
    def _read(content: Fields) -> "Header":
        silent = content.items("silent") if "silent" in content else []
        return Header(
            ClusterId(content.text("cluster_id")),
            content.text("site"),
            UnixMillis(content.integer("at_unix_ms")),
            content.choice("key", SealedBy) is SealedBy.PASSPHRASE,
            content.base64("salt"),
            content.hex("check"),
            tuple(str(each) for each in silent),
        )


@dataclass(frozen=True, slots=True)
class BackupKey:
    """The key that seals backups: the site's own key for them, or one from a passphrase."""

    root: bytes
    by_passphrase: bool

    @staticmethod
    def of_passphrase(passphrase: str) -> "BackupKey":
        """The key that *passphrase* gives.

        Raises:
            InvalidChange: it is too short to keep anybody out.
        """
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise InvalidChange(
                f"the passphrase has {len(passphrase)} characters: "
                f"use {SHORTEST_PASSPHRASE} or more",
                field="passphrase",
            )
        return BackupKey(passphrase.encode(), by_passphrase=True)

    def of_file(self, salt: bytes) -> bytes:
        """The one file's key."""
        if not self.by_passphrase:
            return expand(self.root, b"backup/v1\n" + salt)
        return hashlib.scrypt(
            self.root, salt=salt, n=SCRYPT_COST, r=8, p=1, maxmem=SCRYPT_MEMORY, dklen=32
        )


class BackupSealer:
    """Writes one backup: `begin`, then each frame, the last one marked, which also ends it."""

    def __init__(
        self,
        key: BackupKey,
        cluster_id: ClusterId,
        site: str,
        at: UnixMillis,
        silent: Iterable[str] = (),
    ) -> None:
        salt = os.urandom(SALT_BYTES)
        file_key = key.of_file(salt)
        self._cipher = AESGCM(expand(file_key, b"frames"))
        check = _check(file_key)
        known = Header(cluster_id, site, at, key.by_passphrase, salt, check, tuple(silent))
        header = known.encode()
        self._bound = hashlib.sha256(header).digest()
        self._header = header
        self._number = 0
        self._sum = hashlib.sha256()

    def begin(self) -> bytes:
        """Return the first bytes of the file."""
        return self._add_to_checksum(MAGIC + LENGTH.pack(len(self._header)) + self._header)

    def frame(self, plain: bytes, *, is_last: bool = False) -> bytes:
        """The next frame; after the last one the checksum."""
        nonce = NUMBER.pack(self._number)
        sealed = self._cipher.encrypt(nonce, plain, _bound_to(self._bound, is_last=is_last))
        assert len(sealed) <= LARGEST_FRAME, "a frame is a chunk of a snapshot, or less"
        self._number += 1
        written = self._add_to_checksum(LENGTH.pack(len(sealed)) + sealed)
        return written if not is_last else written + self._end()

    def _end(self) -> bytes:
        zero = self._add_to_checksum(LENGTH.pack(0))
        return zero + self._sum.digest()

    def _add_to_checksum(self, data: bytes) -> bytes:
        self._sum.update(data)
        return data


class BackupReader:
    """Reads a backup's parts as its bytes come: first the header, then the sealed frames.

    A frame is handed out one late, when it is known whether it is the last one.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.raw_header = b""
        self.is_whole = False
        self._buffer = bytearray()
        self._sum = hashlib.sha256()
        self._is_begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take *data* in, and yield the sealed frames that are complete now.

        Raises:
            BackupDamaged, BackupTooNew: it is no backup, or not as it was written.
        """
        self._buffer += data
        if not self._is_begun and not self._begin():
            return
        while (part := self._next_part()) is not None:
            if self.header is None:
                self.header, self.raw_header = Header.decode(part), part
            else:
                yield part

    def end(self) -> None:
        """Check that the backup is whole, since there are no more bytes.

        Raises:
            BackupTruncated: a part of the file is missing.
        """
        if not self.is_whole:
            raise BackupTruncated("the backup ends in the middle: a part of the file is missing")

    def _begin(self) -> bool:
        have = bytes(self._buffer[: len(MAGIC)])
        if not MAGIC.startswith(have):
            raise BackupDamaged("this file is no backup of a Meridian site")
        if len(have) < len(MAGIC):
            return False
        self._take(len(MAGIC))
        self._is_begun = True
        return True

    def _next_part(self) -> bytes | None:
        if self.is_whole and self._buffer:
            raise BackupDamaged("something follows the backup's end")
        if self.is_whole or len(self._buffer) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack(self._buffer[: LENGTH.size])
        if size == 0:
            self._read_end()
            return None
        if size > (LARGEST_HEADER if self.header is None else LARGEST_FRAME):
            raise BackupDamaged("a part of the backup is longer than any part may be")
        if len(self._buffer) < LENGTH.size + size:
            return None
        return self._take(LENGTH.size + size)[LENGTH.size :]

    def _read_end(self) -> None:
        digest_size = self._sum.digest_size
        if len(self._buffer) < LENGTH.size + digest_size:
            return
        self._take(LENGTH.size)
        expected = bytes(self._buffer[:digest_size])
        del self._buffer[:digest_size]
        if not equal_in_constant_time(expected, self._sum.digest()):
            raise BackupDamaged("the backup's checksum does not hold: the file was changed")
        self.is_whole = True
        if self._buffer:
            raise BackupDamaged("something follows the backup's end")

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._sum.update(data)
        return data


class BackupOpener:
    """Opens a backup as its bytes arrive; use nothing of it before `end` has returned."""

    def __init__(self, key: BackupKey) -> None:
        self._reader = BackupReader()
        self._key = key
        self._cipher: AESGCM | None = None
        self._number = 0
        self._held: bytes | None = None

    @property
    def header(self) -> Header | None:
        return self._reader.header

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take *data* in, and yield the frames that are complete now, opened.

        Raises:
            BackupDamaged, BackupTooNew: it is no backup, or not as it was written.
            BackupForeign, WrongPassphrase: this key does not open it.
        """
        for sealed in self._reader.feed(data):
            if self._held is not None:
                yield self._open_frame(self._held, is_last=False)
            self._held = sealed
        if self._reader.header is not None and self._cipher is None:
            self._unlock(self._reader.header)

    def end(self) -> Iterator[bytes]:
        """Yield the last frame, opened, since there are no more bytes.

        Raises:
            BackupTruncated: there should be more.
            BackupDamaged: the last frame is not the last that was written.
        """
        self._reader.end()
        if self._held is None:
            raise BackupTruncated("the backup holds nothing")
        yield self._open_frame(self._held, is_last=True)

    def _unlock(self, header: Header) -> None:
        if header.by_passphrase != self._key.by_passphrase:
            needed = "a passphrase" if header.by_passphrase else "the site's secret, no passphrase"
            raise WrongPassphrase(f"the backup is sealed with {needed}")
        file_key = self._key.of_file(header.salt)
        if not equal_in_constant_time(_check(file_key), header.check):
            if header.by_passphrase:
                raise WrongPassphrase("this is not the passphrase that the backup was made with")
            raise BackupForeign(
                f"the backup of {header.site} does not open with this site's secret: bring the "
                "site.secret that was kept with it, or use a backup made with a passphrase"
            )
        self._cipher = AESGCM(expand(file_key, b"frames"))

    def _open_frame(self, sealed: bytes, *, is_last: bool) -> bytes:
        header = self._reader.header
        if self._cipher is None and header is not None:
            self._unlock(header)
        assert self._cipher is not None, "a frame comes after the header"
        bound = hashlib.sha256(self._reader.raw_header).digest()
        try:
            plain = self._cipher.decrypt(
                NUMBER.pack(self._number), sealed, _bound_to(bound, is_last=is_last)
            )
        except InvalidTag as error:
            raise BackupDamaged(
                f"part {self._number} of the backup is not what was sealed: it was changed"
            ) from error
        self._number += 1
        return plain


def _check(file_key: bytes) -> bytes:
    """A check value that distinguishes a wrong key from a damaged file; it reveals no key."""
    return expand(file_key, b"check", CHECK_BYTES)


def _bound_to(header: bytes, *, is_last: bool) -> bytes:
    return header + (b"last" if is_last else b"more")
