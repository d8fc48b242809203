"""The names of JetStream: its API's subjects, its headers, the codes of its errors.

Every subject of the API is built here and nowhere else, because an account or a JetStream domain
changes its prefix. This module imports nothing of NATS, so that a tool that only writes a server's
configuration can use it.
"""

from enum import IntEnum
from typing import Final

API: Final = "$JS.API"
ACKNOWLEDGEMENTS: Final = "$JS.ACK"

EXPECTED_LAST_ON_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence"
"""The header of a compare-and-set on the last message of one subject."""

EXPECTED_LAST_IN_STREAM: Final = "Nats-Expected-Last-Sequence"
"""The header of a compare-and-set on the last message of a whole stream."""

MESSAGE_ID: Final = "Nats-Msg-Id"
"""The header by which a stream finds out that it stored a message before."""


class ErrorCode(IntEnum):
    """JetStream's own codes (`err_code`) that this project distinguishes."""

    NOT_CLUSTERED = 10010
    """The server runs alone: it supports no clustering."""

    NO_MESSAGE = 10037
    """The stream is there, such a message is not."""

    WRONG_LAST_SEQUENCE = 10071
    """A compare-and-set lost: another message was stored before it."""

    LAST_SEQUENCE_IN_FLIGHT = 10164
    """A compare-and-set lost: another one is being stored at this moment."""


CONFLICTS: Final = frozenset({ErrorCode.WRONG_LAST_SEQUENCE, ErrorCode.LAST_SEQUENCE_IN_FLIGHT})


def api_subject(*tokens: str) -> str:
    """The subject of the API operation that *tokens* name, stream and consumer included."""
    return ".".join((API, *tokens))


def acknowledgement_subject(stream: str) -> str:
    """The subjects on which messages of *stream* are acknowledged."""
    return f"{ACKNOWLEDGEMENTS}.{stream}.>"


def read_message_subject(stream: str) -> str:
    """Return the subject to ask for a single message of *stream* at, without a consumer."""
    return api_subject("STREAM", "MSG", "GET", stream)


def leader_step_down_subject(stream: str) -> str:
    """Return the subject to ask the leader of *stream* to step down at."""
    return api_subject("STREAM", "LEADER", "STEPDOWN", stream)


STREAM_NAMES: Final = api_subject("STREAM", "NAMES")
META_LEADER_STEP_DOWN: Final = api_subject("META", "LEADER", "STEPDOWN")
"""Where the leader of JetStream itself is asked to step down; the system account alone may."""
