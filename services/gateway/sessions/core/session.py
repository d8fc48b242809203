"""Decides each next state of a session: a table of phases, and what each step adds.

The last message on the session's subject is the session's state. Every function here takes a state
and returns the next one; the caller writes that by compare-and-set or starts over. No two paths of
a session share a generation, because a write reserves the numbers of the paths that it names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.domain.errors import AlreadyTaken, NotFound, SessionEnded
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import Choice
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import Joined, PathOffer, Queued, SessionState

PLACE_AGAIN_AFTER_MS: Final = 3_000
"""Both ends ask at once when a path is lost: the second one gets the answer of the first."""

PATHS_KEPT: Final = 24
"""Most paths of one session; far more than ends can try, few enough for one message."""


class SessionStep(StrEnum):
    """A step of a session after its first state."""

    ACCEPT = "a representative accepts the customer of a queue"
    JOIN = "the customer joins by nameplate"
    ADD_PATHS = "a node selector chose more paths"
    NAME_NODE = "the shared address led to a node"
    RETURN = "both ends are connected again"
    VACATE = "an end said good-bye, or was away for long"
    CLOSE = "somebody closes it, or it expires"


NEXT_PHASE: Final[Mapping[SessionPhase, Mapping[SessionStep, SessionPhase]]] = {
    SessionPhase.WAITING: {
        SessionStep.ACCEPT: SessionPhase.ACTIVE,
        SessionStep.JOIN: SessionPhase.ACTIVE,
        SessionStep.ADD_PATHS: SessionPhase.WAITING,
        SessionStep.NAME_NODE: SessionPhase.WAITING,
        SessionStep.RETURN: SessionPhase.ACTIVE,
        SessionStep.VACATE: SessionPhase.WAITING,
        SessionStep.CLOSE: SessionPhase.CLOSED,
    },
    SessionPhase.ACTIVE: {
        SessionStep.ACCEPT: SessionPhase.ACTIVE,
        SessionStep.JOIN: SessionPhase.ACTIVE,
        SessionStep.ADD_PATHS: SessionPhase.ACTIVE,
        SessionStep.NAME_NODE: SessionPhase.ACTIVE,
        SessionStep.RETURN: SessionPhase.ACTIVE,
        SessionStep.VACATE: SessionPhase.WAITING,
        SessionStep.CLOSE: SessionPhase.CLOSED,
    },
    SessionPhase.CLOSED: {SessionStep.CLOSE: SessionPhase.CLOSED},
}
"""The phase after a step; a step that is missing is refused."""


def next_phase(state: SessionState, step: SessionStep, now: UnixMillis) -> SessionPhase:
    """Look up the phase of *state* after *step*.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    phase = NEXT_PHASE[state.phase].get(step)
    if phase is None:
        message = f"session {state.session} is closed: {state.close_message}"
        raise SessionEnded(message, reason=state.close_reason)
    if now >= state.expires_unix_ms and step is not SessionStep.CLOSE:
        raise SessionEnded(f"session {state.session} has expired", reason=CloseReason.EXPIRED)
    return phase


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening of a session: who opens it, with which facts, and when it ends."""

    session: SessionId
    representative: str
    facts: ClientFacts
    expires: UnixMillis
    pin: NodeId | None = None


def open_session(opening: Opening, now: UnixMillis) -> SessionState:
    """Make the first state: the representative is there, the customer is awaited."""
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
    """A customer who arrives at a public site: the queue, the facts, and when the session ends."""

    session: SessionId
    queued: Queued
    facts: ClientFacts
    expires: UnixMillis


def queue_session(arrival: Arrival, now: UnixMillis) -> SessionState:
    """Make the first state of a queued session: the customer is there, no representative yet."""
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
class Representative:
    """A representative's user name and facts, and the node that their session is pinned to."""

    user: str
    facts: ClientFacts
    pin: NodeId | None = None


def accept_customer(state: SessionState, by: Representative, now: UnixMillis) -> SessionState:
    """Let *by* accept the queued customer, or come again from another address.

    Raises:
        NotFound: the session never waited in a queue.
        AlreadyTaken: another representative was faster.
        SessionEnded: the session is closed or has expired.
    """
    if state.queued is None:
        raise NotFound(f"session {state.session} waits in no queue")
    phase = next_phase(state, SessionStep.ACCEPT, now)
    if state.representative not in {"", by.user}:
        raise AlreadyTaken(
            f"{state.representative} has taken session {state.session}; take another one"
        )
    ends = {**state.ends, Side.REPRESENTATIVE: Joined(facts=by.facts, at_unix_ms=now)}
    return state.model_copy(
        update={
            "ends": ends,
            "representative": by.user,
            "pin": by.pin,
            "phase": phase,
        }
    )


def join_customer(state: SessionState, facts: ClientFacts, now: UnixMillis) -> SessionState:
    """Let the customer in, for the first time or again from another address.

    Raises:
        NotFound: the session came from a queue: without words, a nameplate proves nothing.
        SessionEnded: the session is closed or has expired.
    """
    if state.queued is not None:
        raise NotFound("there is no such session")
    phase = next_phase(state, SessionStep.JOIN, now)
    ends = {**state.ends, Side.CUSTOMER: Joined(facts=facts, at_unix_ms=now)}
    return state.model_copy(update={"ends": ends, "phase": phase})


def needs_placement(state: SessionState, now: UnixMillis, *, lost: bool) -> bool:
    """Say whether to choose new paths: both ends are there and have none or *lost* all of them."""
    if state.phase is not SessionPhase.ACTIVE or len(state.paths) >= PATHS_KEPT:
        return False
    if state.shared_path is not None:
        return False
    return not state.paths or (lost and now - state.placed_unix_ms >= PLACE_AGAIN_AFTER_MS)


def add_paths(
    state: SessionState, choices: Sequence[Choice], explanation: Sequence[str], now: UnixMillis
) -> SessionState:
    """Add a path for each of *choices*, best first, each with a number never used before.

    Raises:
        SessionEnded: the session is closed or has expired.
    """
    next_phase(state, SessionStep.ADD_PATHS, now)
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


def close_session(state: SessionState, reason: CloseReason, message: str) -> SessionState:
    """Close the session, with a *message* for people; a closed session does not change."""
    if state.phase is SessionPhase.CLOSED:
        return state
    return state.model_copy(
        update={
            "phase": SessionPhase.CLOSED,
            "close_reason": reason,
            "close_message": message,
        }
    )
