"""Compare-and-set in JetStream: store a message if the expected one is still the last.

The lease, the sessions and the cluster log are written by this alone. An answer that never came
proves nothing: the message may be stored. An answer that is marked as a duplicate proves nothing
either, because the server looks for duplicates before it compares; the caller judges both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from nats.errors import Error as NatsError
from nats.js.api import PubAck
from nats.js.errors import APIError, NotFoundError

from shared.domain.ids import Sequence
from shared.messaging.client import SafeJetStream
from shared.messaging.jetstream import (
    CONFLICTS,
    EXPECTED_LAST_IN_STREAM,
    EXPECTED_LAST_ON_SUBJECT,
    ErrorCode,
)


class SequenceConflict(NatsError):
    """Another message was stored before; this one was not stored."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Names the message that must be the last: of the whole stream, or of the written subject."""

    header: str
    sequence: Sequence

    @classmethod
    def on_subject(cls, sequence: int) -> Self:
        """Expect that the subject's last message has *sequence*; 0 for one without messages."""
        return cls(EXPECTED_LAST_ON_SUBJECT, Sequence(sequence))

    @classmethod
    def in_stream(cls, sequence: int) -> Self:
        """Expect that the last message of the stream has *sequence*; 0 for an empty stream."""
        return cls(EXPECTED_LAST_IN_STREAM, Sequence(sequence))


@dataclass(frozen=True, slots=True)
class Target:
    """The stream and the subject that are written."""

    stream: str
    subject: str


async def publish_if_last(
    jetstream: SafeJetStream,
    target: Target,
    data: bytes,
    expected: Expectation,
    headers: Mapping[str, str] | None = None,
) -> PubAck:
    """Store *data* at *target* if *expected* still holds there; return the server's reply.

    Raises:
        SequenceConflict: it does not hold; *data* is not stored by this call.
        nats.errors.Error, OSError: no or another answer came; *data* may be stored.
    """
    try:
        return await jetstream.publish(
            target.subject,
            data,
            stream=target.stream,
            headers={**(headers or {}), expected.header: str(expected.sequence)},
        )
    except APIError as error:
        if error.err_code in CONFLICTS:
            raise SequenceConflict(str(error)) from error
        raise


def is_missing_message(error: NotFoundError) -> bool:
    """Say whether *error* says that the stream is there and holds no such message."""
    return error.err_code == ErrorCode.NO_MESSAGE
