"""The limits of the acceptor, and the reasons for which it ends a connection."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

BODY_BYTES: Final = 64 * 1024


class Refusal(StrEnum):
    """The reason for which a connection is ended; the label of the counter."""

    SOURCE_FULL = "source_full"
    FULL = "full"
    GREETING_TIMEOUT = "greeting_timeout"
    BAD_PROXY_HEADER = "bad_proxy_header"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    HANDSHAKE_FAILED = "handshake_failed"
    MALFORMED = "malformed"
    HEADER_TIMEOUT = "header_timeout"
    HEADER_TOO_LARGE = "header_too_large"
    TOO_MANY_FIELDS = "too_many_fields"
    TOO_MANY_REQUESTS = "too_many_requests_at_once"
    BODY_TIMEOUT = "body_timeout"
    BODY_UNWANTED = "body_unwanted"
    SLOW_READER = "slow_reader"


@dataclass(frozen=True, slots=True)
class PaceRule:
    """At least *least_bytes* in every *seconds*, or all that is left."""

    least_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be, and what each may cost.

    *unwanted_bytes* and *unwanted_seconds* bound what is still read of a body whose request was
    answered before its end: a client that reads the answer stops, and is not cut off meanwhile.
    """

    connections: int = 4_096
    connections_per_source: int = 512
    greeting_seconds: float = 5.0
    handshake_seconds: float = 10.0
    header_seconds: float = 10.0
    header_bytes: int = 32 * 1024
    header_fields: int = 100
    idle_seconds: float = 10.0
    requests_at_once: int = 32
    body: PaceRule = field(default=PaceRule(16 * 1024, 20.0))
    answer: PaceRule = field(default=PaceRule(16 * 1024, 20.0))
    unwanted_bytes: int = 256 * 1024
    unwanted_seconds: float = 5.0
    closing_seconds: float = 5.0
    sweep_seconds: float = 0.5
