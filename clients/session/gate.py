"""Holds back what the other end asks for until a person has compared the code.

Whoever stands between the ends of a session from a queue could open connections in the
representative's name; nothing reaches what the customer shares before the gate is open. What
waits is no more than the tunnel's flow control lets through.
"""

from collections.abc import Callable
from typing import Protocol

from clients.endpoint.endpoint import StreamUser
from clients.tunnel.effects import StreamEffect


class Closeable(StreamUser, Protocol):
    """Who uses the streams behind the gate."""

    def close(self) -> None: ...


class Gate:
    """Closed until `answered` with True; with False *on_refused* is told, and it stays closed."""

    def __init__(self, user: Closeable, on_refused: Callable[[], None]) -> None:
        self._user = user
        self._on_refused = on_refused
        self._held: list[StreamEffect] = []
        self._is_open = False
        self.was_refused = False

    def on_stream(self, effect: StreamEffect) -> None:
        """Pass *effect* on, or keep it for later."""
        if self._is_open:
            self._user.on_stream(effect)
        else:
            self._held.append(effect)

    def answered(self, is_same: bool) -> None:
        """A person has compared the code."""
        if not is_same:
            self.was_refused = True
            self._on_refused()
            return
        self._is_open = True
        held, self._held = self._held, []
        for effect in held:
            self._user.on_stream(effect)

    def close(self) -> None:
        """The session is over."""
        self._held.clear()
        self._user.close()
