"""Decides which program may hold a side of a session, and when a session's ends count as gone.

Each side of a session is held by one program, which drew a number for itself. While that program
is connected to a gateway, another one is refused; for `RESERVED_MS` after its connection was lost
another one waits, because the first is probably on its way to the next gateway. A program that said
good-bye leaves its side free at once.

A session is active while both ends are there. It waits again when an end said good-bye, or when an
end has been away for `AWAY_MS` and no relay carries the session: **the data plane outlives every
control channel**, so a running pair is proof enough of both ends. It is closed when nobody came in
time, when both ends have been away for as long, or when its tickets expire.

No function here reads a clock; *now* is in milliseconds of Unix time.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.sessions.core.session import (
    NEXT_PHASE,
    SessionStep,
    close_session,
    next_phase,
)
from shared.domain.errors import AlreadyConnected, Reserved
from shared.domain.ids import NodeId, PathGeneration, UnixMillis
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.session import Attachment, PathReported, SessionState

RESERVED_MS: Final = 10_000
"""An end reconnects within 3 s of a lost gateway, and finds a lost network itself within 10 s."""

AWAY_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class Program:
    """The program *endpoint* that holds *side* by a control channel to *gateway*."""

    side: Side
    endpoint: str
    gateway: NodeId


def require_unheld(state: SessionState, side: Side) -> None:
    """Let somebody come as *side* while no program is connected as it.

    Raises:
        AlreadyConnected: one is.
    """
    if state.phase is not SessionPhase.CLOSED and side in connected_sides(state):
        raise AlreadyConnected(
            f"the {side} of session {state.session} is already connected, by another program; "
            "end that one first, or try again in a minute if it is gone"
        )


def require_free(state: SessionState, by: Program, now: UnixMillis) -> None:
    """Let the program *by* hold its side: for the first time, or again.

    Raises:
        AlreadyConnected: another program is connected.
        Reserved: another program was connected until a moment ago, and may come back.
    """
    attached = state.attached.get(by.side)
    if attached is None or attached.endpoint == by.endpoint:
        return
    require_unheld(state, by.side)
    left = attached.left_unix_ms or 0
    if not attached.has_ended and now < left + RESERVED_MS:
        seconds = RESERVED_MS // 1000
        raise Reserved(
            f"another program was the {by.side} of session {state.session} until a moment ago; "
            f"this one waits up to {seconds} s for it to come back",
            retry_after_seconds=1,
        )


def attach(state: SessionState, by: Program, now: UnixMillis) -> SessionState:
    """Record that the program *by* is connected; with both ends there the session is active.

    Raises:
        AlreadyConnected: another program is connected.
        Reserved: another program was connected until a moment ago, and may come back.
    """
    if state.phase is SessionPhase.CLOSED:
        return state
    require_free(state, by, now)
    new = Attachment(endpoint=by.endpoint, gateway=by.gateway, since_unix_ms=now)
    after = state.model_copy(update={"attached": {**state.attached, by.side: new}})
    if set(state.ends) != set(Side) or connected_sides(after) != set(Side):
        return after
    if now >= state.expires_unix_ms:
        return after
    return after.model_copy(update={"phase": next_phase(after, SessionStep.RETURN, now)})


def detach(state: SessionState, by: Program, now: UnixMillis) -> SessionState:
    """Record that *by* lost its connection, unless it has another one to another gateway."""
    attached = state.attached.get(by.side)
    is_theirs = attached is not None and (
        (attached.endpoint, attached.gateway) == (by.endpoint, by.gateway)
    )
    if state.phase is SessionPhase.CLOSED or attached is None or not is_theirs:
        return state
    return _without(state, {by.side: attached}, now)


def say_goodbye(state: SessionState, by: Program, message: str, now: UnixMillis) -> SessionState:
    """Record that *by* said good-bye: its side is free, and the session waits for another program.

    The customer of a queue cannot come again, so that the session is closed with *message*.
    """
    attached = state.attached.get(by.side)
    if state.phase is SessionPhase.CLOSED or attached is None or attached.endpoint != by.endpoint:
        return state
    if state.queued is not None and by.side is Side.CUSTOMER:
        return close_session(state, CloseReason.CLOSED_BY_ENDPOINT, message)
    gone = attached.model_copy(update={"left_unix_ms": now, "has_ended": True})
    ends = {
        side: joined
        for side, joined in state.ends.items()
        if (side, by.side) != (Side.CUSTOMER, Side.CUSTOMER)
    }
    return _vacated(state).model_copy(
        update={"attached": {**state.attached, by.side: gone}, "ends": ends}
    )


def without_orphans(
    state: SessionState, is_held: Callable[[Side, Attachment], bool], now: UnixMillis
) -> SessionState:
    """Record as lost the connections that no living gateway holds any more."""
    if state.phase is SessionPhase.CLOSED:
        return state
    orphans = {
        side: attached
        for side, attached in state.attached.items()
        if attached.left_unix_ms is None and not is_held(side, attached)
    }
    return _without(state, orphans, now) if orphans else state


def connected_sides(state: SessionState) -> set[Side]:
    """Return the sides whose programs are connected to a gateway."""
    return {side for side, each in state.attached.items() if each.left_unix_ms is None}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What counts beside a session's state, in milliseconds.

    Absence counts from *watched_since* at the earliest: while no gateway ran, no end could come.
    *waiting_ms* is how long a session may wait for an end.
    """

    now: UnixMillis
    watched_since: UnixMillis
    waiting_ms: int


def reaped(state: SessionState, here: Circumstances, *, is_carried: bool) -> SessionState:
    """Return what the session reaper makes of *state*; *is_carried* by the facts of relays."""
    if state.phase is SessionPhase.CLOSED:
        return state
    away = [_away_for(state, side, here) for side in Side]
    why = _reason_to_close(state, here, 0 if is_carried else min(away))
    if why:
        return close_session(state, CloseReason.EXPIRED, why)
    is_gone = not is_carried and max(away) >= AWAY_MS
    return _vacated(state) if is_gone and state.phase is SessionPhase.ACTIVE else state


def is_carried(facts: Iterable[PathReported], relays_since: Mapping[NodeId, int]) -> bool:
    """Say whether a relay carries the session, by all *facts* in their order.

    *relays_since* says when the relay of each node was started: its older pairs are gone.
    """
    running: set[tuple[NodeId, PathGeneration]] = set()
    for fact in facts:
        pair = (fact.node, fact.generation)
        if fact.fact == "ready" and fact.at_unix_ms >= relays_since.get(fact.node, 0):
            running.add(pair)
        else:
            running.discard(pair)
    return bool(running)


def is_reachable(state: SessionState, side: Side, now: UnixMillis) -> bool:
    """Say whether the program at *side* is connected, or may be back in a moment."""
    attached = state.attached.get(side)
    if attached is None or attached.left_unix_ms is None:
        return True
    return not attached.has_ended and now < attached.left_unix_ms + AWAY_MS


def _without(state: SessionState, lost: Mapping[Side, Attachment], now: UnixMillis) -> SessionState:
    gone = {
        side: each.model_copy(update={"left_unix_ms": now})
        for side, each in lost.items()
        if each.left_unix_ms is None
    }
    return state.model_copy(update={"attached": {**state.attached, **gone}}) if gone else state


def _vacated(state: SessionState) -> SessionState:
    return state.model_copy(update={"phase": NEXT_PHASE[state.phase][SessionStep.VACATE]})


def _reason_to_close(state: SessionState, here: Circumstances, both_away_ms: int) -> str:
    """Return why the session is over, for people; empty while it is not."""
    minutes = f"{here.waiting_ms / 60_000:g} min"
    if here.now >= state.expires_unix_ms:
        return "its time is over"
    if _awaits_somebody(state) and here.now >= _awaits_since(state) + here.waiting_ms:
        return f"nobody came within {minutes}"
    return f"both ends were gone for {minutes}" if both_away_ms >= here.waiting_ms else ""


def _awaits_somebody(state: SessionState) -> bool:
    """Say whether one side never came, or said good-bye."""
    return state.phase is SessionPhase.WAITING and set(state.ends) != set(Side)


def _awaits_since(state: SessionState) -> int:
    customer = state.attached.get(Side.CUSTOMER)
    left = None if customer is None else customer.left_unix_ms
    return max(state.opened_unix_ms, left or 0)


def _away_for(state: SessionState, side: Side, here: Circumstances) -> int:
    """Return for how long *side* has been away; 0 while it is connected."""
    attached, joined = state.attached.get(side), state.ends.get(side)
    if attached is not None:
        left = attached.left_unix_ms
    else:
        left = state.opened_unix_ms if joined is None else joined.at_unix_ms
    return 0 if left is None else max(0, here.now - max(left, here.watched_since))
