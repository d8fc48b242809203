from pathlib import Path

import pytest

from shared.decoding.errors import Undecodable
from shared.domain.errors import InUse, MeridianError, NoTrafficNode
from shared.domain.ids import Revision
from shared.domain.log import ReplicationMode
from shared.events.config import ChangesAccepted, ProposeChanges, ProposedChange
from shared.events.message import ErrorReply
from shared.messaging.middleware import decode_reply, encode_body, portable_attributes
from shared.messaging.publisher import unwrap_reply

CHANGE = ProposedChange(kind="node", id="berlin", op="delete")
QUESTION = ProposeChanges.model_validate(
    {"request_id": "r", "author": "rita", "changes": [CHANGE.model_dump()]}
)


def read_reply(body: bytes) -> ChangesAccepted:
    return unwrap_reply(QUESTION, decode_reply(type(QUESTION), body))


def test_an_answer_is_read_as_the_request_declares_it() -> None:
    answer = ChangesAccepted(
        revision=Revision(7), durable_on=("alpha",), mode=ReplicationMode.DEGRADED
    )

    assert read_reply(answer.model_dump_json().encode()) == answer


def test_a_refusal_is_raised_as_the_error_that_it_names() -> None:
    refusal = ErrorReply(
        error_code="no_traffic_node", message="none", attributes={"retry_after_seconds": 2}
    )

    with pytest.raises(NoTrafficNode) as caught:
        read_reply(refusal.model_dump_json().encode())

    assert caught.value.attributes == {"retry_after_seconds": 2}


def test_the_holders_of_what_is_in_use_come_through_as_a_list() -> None:
    error = InUse(
        "named", referrers=("team 'desk'", "team 'night'"), kind="user", at=None, of=Path()
    )
    refusal = ErrorReply(
        error_code=error.code, message=error.message, attributes=portable_attributes(error)
    )

    with pytest.raises(InUse) as caught:
        read_reply(refusal.model_dump_json().encode())

    assert caught.value.attributes == {
        "referrers": ("team 'desk'", "team 'night'"),
        "kind": "user",
        "at": None,
        "of": ".",
    }


def test_a_refusal_from_a_newer_version_is_still_an_error() -> None:
    refusal = ErrorReply(error_code="too_modern", message="cannot")

    with pytest.raises(MeridianError, match="cannot"):
        read_reply(refusal.model_dump_json().encode())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff"])
def test_an_answer_that_cannot_be_read_is_none(body: bytes) -> None:
    with pytest.raises(Undecodable):
        read_reply(body)


def test_a_message_goes_out_as_json_and_bytes_as_they_are() -> None:
    payload, kind = encode_body(QUESTION)
    assert ProposeChanges.model_validate_json(payload) == QUESTION
    assert kind == "application/json"

    assert encode_body(b"raw")[0] == b"raw"
