"""Seals and opens the records of one direction of one link, with AES-256-GCM.

AES-GCM because with hardware AES it is the faster of the two AEADs here (3.5 GB/s against 2.0
GB/s for ChaCha20-Poly1305 at 64 KiB). The nonce is the record's number, from 0, never sent: records
come in order or not at all. **No nonce ever covers two plaintexts**: every attempt derives new
keys, and after `REKEY_RECORDS` records both ends take the next key and count from 0 again.
The frame's head is authenticated with the record.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from clients.tunnel.frames import HEAD, FrameKind

REKEY_RECORDS: Final = 2**30
TAG_BYTES: Final = 16


class BadRecord(Exception):
    """The record is not the next one that the peer sealed for this link."""


class _RecordCipher:
    """A key, the number of the next record, and the change to the next key."""

    def __init__(self, key: bytes, rekey_records: int) -> None:
        self._key = key
        self._rekey_records = rekey_records
        self._cipher = AESGCM(key)
        self._number = 0

    def _nonce(self) -> bytes:
        """Return the next record's nonce once; this may change the cipher, so call it first."""
        if self._number == self._rekey_records:
            self._key = HKDFExpand(SHA256(), 32, b"meridian/rekey/v1").derive(self._key)
            self._cipher = AESGCM(self._key)
            self._number = 0
        nonce = self._number.to_bytes(12, "big")
        self._number += 1
        return nonce


class Sealer(_RecordCipher):
    """Seals the records that one end sends."""

    def __init__(self, key: bytes, rekey_records: int = REKEY_RECORDS) -> None:
        super().__init__(key, rekey_records)

    def seal(self, plaintext: bytes) -> bytearray:
        """A whole RECORD frame, ready to send."""
        nonce = self._nonce()
        head = HEAD.pack(FrameKind.RECORD, len(plaintext) + TAG_BYTES)
        frame = bytearray(HEAD.size + len(plaintext) + TAG_BYTES)
        frame[: HEAD.size] = head
        self._cipher.encrypt_into(nonce, plaintext, head, memoryview(frame)[HEAD.size :])
        return frame


class Opener(_RecordCipher):
    """Opens the records that one end receives."""

    def __init__(self, key: bytes, rekey_records: int = REKEY_RECORDS) -> None:
        super().__init__(key, rekey_records)

    def open(self, payload: memoryview) -> bytes:
        """The plaintext of the next record.

        Raises:
            BadRecord: it is not the next record, or was altered.
        """
        nonce = self._nonce()
        head = HEAD.pack(FrameKind.RECORD, len(payload))
        try:
            return self._cipher.decrypt(nonce, payload, head)
        except (InvalidTag, ValueError) as error:
            raise BadRecord from error
