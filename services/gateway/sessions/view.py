"""Keeps the last known state of each session, and the control channels that wait for the next one.

The watch on the stream feeds it, and so does each write of this gateway, so that a caller sees
what they just wrote. While the stream has no leader the view stays as it is. Each control channel
gets every new state of its session.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from shared.domain.ids import SessionId
from shared.events.session import SessionState


class SessionsView:
    """The last known states, and who listens to them."""

    def __init__(self) -> None:
        self._states: dict[SessionId, SessionState] = {}
        self._listeners: dict[SessionId, set[asyncio.Queue[SessionState]]] = {}

    def update(self, state: SessionState) -> None:
        """Keep *state* and pass it to every listener of its session."""
        self._states[state.session] = state
        for queue in self._listeners.get(state.session, ()):
            queue.put_nowait(state)

    def get(self, session: SessionId) -> SessionState | None:
        return self._states.get(session)

    def all(self) -> tuple[SessionState, ...]:
        return tuple(self._states.values())

    def forget(self, session: SessionId) -> None:
        self._states.pop(session, None)

    @contextmanager
    def listening(self, session: SessionId) -> Generator[asyncio.Queue[SessionState]]:
        """Give a queue of the session's states, from the last one on, while the block runs."""
        queue: asyncio.Queue[SessionState] = asyncio.Queue()
        listeners = self._listeners.setdefault(session, set())
        listeners.add(queue)
        state = self._states.get(session)
        if state is not None:
            queue.put_nowait(state)
        try:
            yield queue
        finally:
            listeners.discard(queue)
            if not listeners:
                self._listeners.pop(session, None)
