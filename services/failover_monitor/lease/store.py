"""Reads and writes the lease's key: the last message on one subject of the bucket's stream.

It is read by message get, which needs no consumer. It is written by compare-and-set on the
subject's last sequence, without a message id, because an answer marked duplicate proves nothing.

Anyone who reaches the server can write or delete the key, so this module decides what counts. A
record is signed with the writing master's own key, and names the revision that it replaces. The
server keeps, with each message, the revision that it compared. Where the two differ, somebody put a
copy of the record there. A missing key is written at once, with an empty message: otherwise
revision 0 would come again at each deletion, and a late compare-and-set on it could land.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from typing import Final, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.decoding.jsontext import Bounds
from shared.decoding.text import shown
from shared.domain.errors import BadSignature, Rejected
from shared.domain.ids import NodeId
from shared.messaging.compare_and_set import (
    Expectation,
    SequenceConflict,
    Target,
    publish_if_last,
)
from shared.messaging.connection import jetstream_of
from shared.messaging.jetstream import (
    EXPECTED_LAST_ON_SUBJECT,
    ErrorCode,
    read_message_subject,
)
from shared.messaging.streams import LEASE

KEY_SUBJECT: Final = "$KV.lease.primary"
KEY: Final = Target(LEASE, KEY_SUBJECT)
GET_SUBJECT: Final = read_message_subject(LEASE)
GET_LAST: Final = json.dumps({"last_by_subj": KEY_SUBJECT}).encode()
ANSWER: Final = Bounds(size_bytes=4 << 20)
"""What the server answers: the largest message, in base64, and its headers."""

PROBE_SUBJECT: Final = "$KV.lease.probe."
SIGNED_AS: Final = "meridian/lease/v1\n"


class LeaseStore(Protocol):
    """Reads the key and writes it by compare-and-set."""

    async def read(self) -> KeyState | None: ...
    async def write(self, record: LeaseRecord, expected: int) -> int | WriteFailure: ...


class RecordSigner:
    """Signs this master's records, and verifies those of all masters."""

    def __init__(self, node: NodeId, key: NodeKey, trust: TrustStore) -> None:
        self._node = node
        self._key = key
        self._trust = trust

    def sign(self, record: LeaseRecord) -> bytes:
        """Write the record as it is stored, signed by this master."""
        text = record.encode()
        signature = base64.b64encode(self._key.sign(_signed(text))).decode()
        return json.dumps({"record": text, "signer": self._node, "signature": signature}).encode()

    def verify(self, data: bytes) -> LeaseRecord:
        """Read a stored record.

        Raises:
            Undecodable: it is no record.
            BadSignature: no known master signed it.
        """
        document = decode_object(data, "signed lease record")
        text, signer = document.text("record"), NodeId(document.text("signer"))
        record = LeaseRecord.decode(text)
        if not self._trust.verify(signer, document.base64("signature"), _signed(text)):
            raise BadSignature(
                f"no known master signed this lease record, {shown(signer)} claims to"
            )
        return record


class JetStreamLease:
    """The key in JetStream. No call takes longer than *timeout_seconds*, or raises."""

    def __init__(
        self,
        client: Client,
        signer: RecordSigner,
        timeout_seconds: float,
        refused: Callable[[Rejected], None],
    ) -> None:
        self._client = client
        self._jetstream = jetstream_of(client, timeout_seconds)
        self._signer = signer
        self._timeout = timeout_seconds
        self._refused = refused
        self._junk_revision = 0
        self._log = logging.getLogger("meridian.lease")

    async def read(self) -> KeyState | None:
        """Read the key as it is now; None when that fails."""
        if not self._client.is_connected:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.request(GET_SUBJECT, GET_LAST, timeout=self._timeout)
                fields = decode_object(answer.data, "answer of the lease's bucket", ANSWER)
                if "error" in fields:
                    code = fields.object("error").integer("err_code")
                    return await self._make() if code == ErrorCode.NO_MESSAGE else None
                return self._key_state(fields.object("message"))
        except (Undecodable, NatsError, OSError, TimeoutError) as error:
            self._log.debug("the lease was not read: %s", error)
            return None

    async def write(self, record: LeaseRecord, expected: int) -> int | WriteFailure:
        """Replace the key where it is at revision *expected*; return the new revision."""
        if not self._client.is_connected:
            return WriteFailure.UNKNOWN
        return await self._put(self._signer.sign(record), expected)

    async def _make(self) -> KeyState | None:
        """Put an empty message where the key is missing, so that it has a revision."""
        revision = await self._put(b"", 0)
        return None if isinstance(revision, WriteFailure) else KeyState(None, revision)

    async def _put(self, data: bytes, expected: int) -> int | WriteFailure:
        wanted = Expectation.on_subject(expected)
        try:
            async with asyncio.timeout(self._timeout):
                ack = await publish_if_last(self._jetstream, KEY, data, wanted)
        except SequenceConflict:
            return WriteFailure.REFUSED
        except (NatsError, OSError, TimeoutError) as error:
            self._log.debug("the lease was not written: %s", error)
            return WriteFailure.UNKNOWN
        return WriteFailure.UNKNOWN if ack.duplicate else ack.seq

    def _key_state(self, message: Fields) -> KeyState:
        revision = message.integer("seq", least=1)
        data = message.base64("data") if "data" in message else b""
        headers = message.base64("hdrs") if "hdrs" in message else b""
        if not data:
            return KeyState(None, revision)
        try:
            record = self._signer.verify(data)
            require_in_place(record, headers)
            return KeyState(record, revision)
        except (Undecodable, BadSignature) as error:
            if revision != self._junk_revision:  # the same junk is read often, and reported once
                self._junk_revision = revision
                self._refused(error)
            return KeyState(None, revision)


class BucketProbe:
    """Probes whether the bucket takes a write, by writing to a key beside the lease."""

    def __init__(self, client: Client, node: NodeId, timeout_seconds: float) -> None:
        self._client = client
        self._jetstream = jetstream_of(client, timeout_seconds)
        self._subject = f"{PROBE_SUBJECT}{node}"
        self._timeout = timeout_seconds
        self._log = logging.getLogger("meridian.lease")

    async def probe(self) -> bool:
        """Write to the probe key; False when the bucket does not acknowledge it in time."""
        if not self._client.is_connected:
            return False
        try:
            async with asyncio.timeout(self._timeout):
                await self._jetstream.publish(self._subject, b"", stream=LEASE)
        except (NatsError, OSError, TimeoutError) as error:
            self._log.debug("the bucket was not written to: %s", error)
            return False
        return True


def require_in_place(record: LeaseRecord, headers: bytes) -> None:
    """Refuse a copy of a record: the server compared another revision than the record replaces.

    Raises:
        Undecodable: it is a copy.
    """
    if record.replaces is None:
        return
    # A server takes the first header of this name, a longer name that begins so included, and
    # enforces nothing that is no number: only what is exactly as it was sent proves anything.
    wanted = f"{EXPECTED_LAST_ON_SUBJECT}: {record.replaces}".encode()
    is_named_once = headers.lower().count(EXPECTED_LAST_ON_SUBJECT.lower().encode()) == 1
    if not is_named_once or wanted not in headers.split(b"\r\n"):
        raise Undecodable(
            f"a copy: this lease record was written to replace revision {record.replaces}",
            reason="bad_shape",
        )


def _signed(text: str) -> bytes:
    return f"{SIGNED_AS}{text}".encode()
