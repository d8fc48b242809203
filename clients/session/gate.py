"""Holds back the other end's streams until a person has compared the code.

An attacker between the ends of a session from a queue could open connections in the name of the
representative. Nothing reaches what the customer shares before the gate is open. The tunnel's flow
control bounds how much is held back.
"""

from collections.abc import Callable

from clients.endpoint.endpoint import ClosableStreamHandler
from clients.tunnel.effects import StreamEffect


class Gate:
    """Passes effects to *handler* once it is open; a refusal calls *on_refused* and is final."""

    def __init__(self, handler: ClosableStreamHandler, on_refused: Callable[[], None]) -> None:
        self._handler = handler
        self._on_refused = on_refused
        self._held: list[StreamEffect] = []
        self._is_open = False
        self.was_refused = False

    def on_stream(self, effect: StreamEffect) -> None:
        """Pass *effect* on, or keep it for later."""
        if self._is_open:
            self._handler.on_stream(effect)
        else:
            self._held.append(effect)

    def decide(self, is_same: bool) -> None:
        """Open the gate if a person saw the same code at both ends."""
        if not is_same:
            self.was_refused = True
            self._on_refused()
            return
        self._is_open = True
        held, self._held = self._held, []
        for effect in held:
            self._handler.on_stream(effect)

    def close(self) -> None:
        """Forget what was held: the session is over."""
        self._held.clear()
        self._handler.close()
