"""The effects that the relay's cores ask for; the data plane performs them in order."""

from dataclasses import dataclass

from services.relay.core.admission import ConnectionId, ConnectionRefusal
from shared.domain.ids import PathGeneration, SessionId
from shared.domain.ticket import TicketLimits
from shared.wire.relay import RefusalCode


@dataclass(frozen=True, slots=True, order=True)
class PathKey:
    """One path of one session: two connections whose tickets share it become a pair."""

    session: SessionId
    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class SendWait:
    """Send WAIT to *connection*: the other side has not dialled yet."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class JoinPair:
    """Make two connections a pair and carry their bytes within *limits*."""

    key: PathKey
    first: ConnectionId
    second: ConnectionId
    limits: TicketLimits


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send REFUSED to *connection* and close it."""

    connection: ConnectionId
    refusal: ConnectionRefusal


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Close both connections of the pair *key*."""

    key: PathKey


@dataclass(frozen=True, slots=True)
class AnswerPings:
    """Send a PONG to *connection* for each nonce."""

    connection: ConnectionId
    nonces: tuple[int, ...]


Effect = SendWait | JoinPair | Refuse | ClosePair | AnswerPings
Effects = tuple[Effect, ...]


def refuse(
    connection: ConnectionId, code: RefusalCode, message: str, retry_after_seconds: int | None
) -> Refuse:
    """Build the effect that refuses *connection*."""
    return Refuse(connection, ConnectionRefusal(code, message, retry_after_seconds))
