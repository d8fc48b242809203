"""Decides which sessions a caller sees and may close: one's own, or all where a role allows it."""

from collections.abc import Iterable

from services.gateway.core.roles import Action, Caller
from shared.domain.errors import Forbidden, NotFound
from shared.domain.ids import SessionId
from shared.domain.session import SessionPhase
from shared.events.session import SessionState


def visible_sessions(states: Iterable[SessionState], caller: Caller) -> list[SessionState]:
    """List the sessions of *states* that are not over and that *caller* sees, oldest first.

    Raises:
        Forbidden: the role neither holds sessions nor sees all of them.
    """
    if not caller.may(Action.SEE_ALL_SESSIONS):
        caller.require(Action.HOLD_SESSIONS)
    found = (
        state
        for state in states
        if state.phase is not SessionPhase.CLOSED and _is_visible(state, caller)
    )
    return sorted(found, key=lambda state: state.opened_unix_ms)


def require_own(session: SessionId, state: SessionState | None, caller: Caller) -> None:
    """Let *caller* close *session*, whose last *state* is None when nobody knows it.

    Raises:
        NotFound: there is no such session.
        Forbidden: it is another user's, or the role holds no sessions.
    """
    caller.require(Action.HOLD_SESSIONS)
    if state is None:
        raise NotFound(f"there is no session {session}")
    if not _is_visible(state, caller):
        raise Forbidden(f"session {session} is somebody else's")


def _is_visible(state: SessionState, caller: Caller) -> bool:
    return state.representative == caller.user or caller.may(Action.SEE_ALL_SESSIONS)
