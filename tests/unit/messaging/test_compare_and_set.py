"""Compare-and-set: what is sent, and what each answer of the server means."""

from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import PubAck
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from shared.messaging.client import SafeJetStream
from shared.messaging.compare_and_set import (
    Expectation,
    SequenceConflict,
    Target,
    is_missing_message,
    publish_if_last,
)
from shared.messaging.jetstream import ErrorCode

KEY = Target("KV_lease", "$KV.lease.primary")


class AnsweringJetStream(SafeJetStream):
    """Gives one answer to every message, and keeps what was sent."""

    def __init__(self, answer: PubAck | Exception) -> None:
        super().__init__(Client())
        self.answer = answer
        self.sent: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    async def publish(self, *args: Any, **kwargs: Any) -> PubAck:
        self.sent.append((args, kwargs))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


ACK = PubAck(stream="KV_lease", seq=8)


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        (Expectation.on_subject(7), "Nats-Expected-Last-Subject-Sequence"),
        (Expectation.in_stream(7), "Nats-Expected-Last-Sequence"),
    ],
)
async def test_the_expected_sequence_is_one_header_beside_the_callers(
    expected: Expectation, header: str
) -> None:
    jetstream = AnsweringJetStream(ACK)

    assert await publish_if_last(jetstream, KEY, b"record", expected, {"Own": "1"}) is ACK

    headers = {"Own": "1", header: "7"}
    sent = (("$KV.lease.primary", b"record"), {"stream": "KV_lease", "headers": headers})
    assert jetstream.sent == [sent]


@pytest.mark.parametrize("code", [10071, 10164])
async def test_a_message_stored_before_is_a_conflict(code: int) -> None:
    jetstream = AnsweringJetStream(APIError(code=400, err_code=code))

    with pytest.raises(SequenceConflict):
        await publish_if_last(jetstream, KEY, b"", Expectation.on_subject(0))


@pytest.mark.parametrize(
    "error",
    [
        APIError(code=503, err_code=10077),
        ServiceUnavailableError(code=503, err_code=10008),
        NatsTimeoutError(),
        ConnectionResetError(),
    ],
    ids=repr,
)
async def test_any_other_failure_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await publish_if_last(AnsweringJetStream(error), KEY, b"", Expectation.on_subject(0))

    assert raised.value is error


async def test_a_duplicate_is_left_to_the_caller() -> None:
    ack = PubAck(stream="KV_lease", seq=3, duplicate=True)

    assert (
        await publish_if_last(AnsweringJetStream(ack), KEY, b"", Expectation.on_subject(2)) is ack
    )


def test_a_missing_message_differs_from_a_missing_stream() -> None:
    assert is_missing_message(NotFoundError(code=404, err_code=ErrorCode.NO_MESSAGE))
    assert not is_missing_message(NotFoundError(code=404, err_code=10059))
