"""A session's life, as a pure function from one state to the next.

The last state on the session's subject stands; every function here takes it and returns the
next one, and the caller writes that by compare-and-set or starts over. No two paths of a
session share a generation, because numbers are reserved in the same write that names the paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import AlreadyTaken, NotFound, SessionEnded
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import Choice
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import Joined, PathOffer, Queued, SessionState

PLACE_AGAIN_AFTER_MS: Final = 3_000
"""Both ends ask at the same moment when a path is lost: the second one gets the first's answer."""

PATHS_KEPT: Final = 24
"""Most paths of one session; far more than ends can try, few enough for one message."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who opens a session, from where, and how long it may live."""

    session: SessionId
    representative: str
    facts: ClientFacts
    expires: UnixMillis
    pin: NodeId | None = None


def opened(opening: Opening, now: UnixMillis) -> SessionState:
    """The first state: the representative is there, the customer awaited."""
    return SessionState(
        session=opening.session,
        phase=SessionPhase.WAITING,
        representative=opening.representative,
        opened_unix_ms=now,
        expires_unix_ms=opening.expires,
        ends={Side.REPRESENTATIVE: Joined(facts=opening.facts, at_unix_ms=now)},
        pin=opening.pin,
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who arrives at a public site, from where, for which team, and how long it may take."""

    session: SessionId
    queued: Queued
    facts: ClientFacts
    expires: UnixMillis


def arrived(arrival: Arrival, now: UnixMillis) -> SessionState:
    """The first state of a session from a queue: the customer is there, anybody may take it."""
    return SessionState(
        session=arrival.session,
        phase=SessionPhase.WAITING,
        representative="",
        opened_unix_ms=now,
        expires_unix_ms=arrival.expires,
        ends={Side.CUSTOMER: Joined(facts=arrival.facts, at_unix_ms=now)},
        queued=arrival.queued,
    )


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes a customer out of a queue, from where, and by which node if they may choose."""

    representative: str
    facts: ClientFacts
    pin: NodeId | None = None


def accepted(state: SessionState, taker: Taker, now: UnixMillis) -> SessionState:
    """*taker* takes the session out of its queue, or comes again from elsewhere.

    Raises:
        NotFound: it never waited in a queue.
        AlreadyTaken: somebody else was faster.
        SessionEnded: the session is closed or has expired.
    """
    if state.queued is None:
        raise NotFound(f"session {state.session} waits in no queue")
    require_running(state, now)
    if state.representative not in {"", taker.representative}:
        raise AlreadyTaken(
            f"{state.representative} has taken session {state.session}; take another one"
        )
    ends = {**state.ends, Side.REPRESENTATIVE: Joined(facts=taker.facts, at_unix_ms=now)}
    return state.model_copy(
        update={
            "ends": ends,
            "representative": taker.representative,
            "pin": taker.pin,
            "phase": SessionPhase.ACTIVE,
        }
    )


def joined(state: SessionState, facts: ClientFacts, now: UnixMillis) -> SessionState:
    """The customer arrived, or came again from elsewhere.

    Raises:
        NotFound: the session came from a queue: without words, a nameplate proves nothing.
        SessionEnded: the session is closed or has expired.
    """
    if state.queued is not None:
        raise NotFound("there is no such session")
    require_running(state, now)
    ends = {**state.ends, Side.CUSTOMER: Joined(facts=facts, at_unix_ms=now)}
    return state.model_copy(update={"ends": ends, "phase": SessionPhase.ACTIVE})


def needs_placement(state: SessionState, now: UnixMillis, *, lost: bool) -> bool:
    """Whether new paths are to be chosen: both ends are there and have none, or *lost* them all."""
    if state.phase is not SessionPhase.ACTIVE or len(state.paths) >= PATHS_KEPT:
        return False
    if state.shared_path is not None:
        return False
    return not state.paths or (lost and now - state.placed_unix_ms >= PLACE_AGAIN_AFTER_MS)


def placed(
    state: SessionState, choices: Sequence[Choice], explanation: Sequence[str], now: UnixMillis
) -> SessionState:
    """The state with one more path for each of *choices*, best first, numbers never used before.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    require_running(state, now)
    first = state.next_generation
    new = tuple(
        PathOffer(
            node=choice.node,
            host=choice.host,
            port=choice.port,
            generation=PathGeneration(first + index),
        )
        for index, choice in enumerate(choices)
    )
    after = state.model_copy(
        update={
            "paths": (*state.paths, *new),
            "next_generation": PathGeneration(first + len(new)),
            "placed_unix_ms": now,
            "explanation": tuple(explanation),
        }
    )
    generations = [path.generation for path in after.paths]
    assert len(set(generations)) == len(generations), "two paths of a session share a generation"
    return after


def closed(state: SessionState, reason: CloseReason, message: str) -> SessionState:
    """The last state, with a sentence for people; closing what is closed changes nothing."""
    if state.phase is SessionPhase.CLOSED:
        return state
    return state.model_copy(
        update={
            "phase": SessionPhase.CLOSED,
            "close_reason": reason,
            "close_message": message,
        }
    )


def has_expired(state: SessionState, now: UnixMillis, waiting_ms: int) -> bool:
    """Whether a session that still runs is to be closed: its time is over, or nobody came."""
    if state.phase is SessionPhase.CLOSED:
        return False
    if state.phase is SessionPhase.WAITING and now >= state.opened_unix_ms + waiting_ms:
        return True
    return now >= state.expires_unix_ms


def require_running(state: SessionState, now: UnixMillis) -> None:
    """Let a running session pass.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    if state.phase is SessionPhase.CLOSED:
        raise SessionEnded(
            f"session {state.session} is closed: {state.close_message}", reason=state.close_reason
        )
    if now >= state.expires_unix_ms:
        raise SessionEnded(f"session {state.session} has expired", reason=CloseReason.EXPIRED)
