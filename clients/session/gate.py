"""Holds back the other end's streams until a person has compared the code.

An attacker between the ends of a session from a queue could open connections in the name of the
representative. Nothing reaches what the customer shares before the gate is open. The limit of open
streams and their windows bound how much is held back: what belongs to a stream that ended
meanwhile is forgotten.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clients.endpoint.endpoint import ClosableStreamHandler
from clients.tunnel.effects import (
    StreamData,
    StreamEffect,
    StreamFinished,
    StreamId,
    StreamOpened,
    StreamRefused,
    StreamReset,
    StreamWritable,
)


@dataclass(slots=True)
class _HeldStream:
    """What came of one stream so far."""

    data: bytearray = field(default_factory=bytearray)
    has_finished: bool = False

    def effects(self, stream: StreamId) -> Iterator[StreamEffect]:
        yield StreamOpened(stream)
        if self.data:
            yield StreamData(stream, memoryview(self.data))
        if self.has_finished:
            yield StreamFinished(stream)


class Gate:
    """Passes effects to *handler* once it is open; a refusal calls *on_refused* and is final."""

    def __init__(self, handler: ClosableStreamHandler, on_refused: Callable[[], None]) -> None:
        self._handler = handler
        self._on_refused = on_refused
        self._held: dict[StreamId, _HeldStream] = {}
        self._is_open = False
        self.was_refused = False

    def on_stream(self, effect: StreamEffect) -> None:
        """Pass *effect* on, or keep it for later."""
        if self._is_open or isinstance(effect, StreamRefused):
            self._handler.on_stream(effect)
        else:
            self._hold(effect)

    def decide(self, is_same: bool) -> None:
        """Open the gate if a person saw the same code at both ends."""
        if not is_same:
            self.was_refused = True
            self._on_refused()
            return
        self._is_open = True
        held, self._held = self._held, {}
        for stream, state in held.items():
            for effect in state.effects(stream):
                self._handler.on_stream(effect)

    def close(self) -> None:
        """Forget what was held: the session is over."""
        self._held.clear()
        self._handler.close()

    def _hold(self, effect: StreamEffect) -> None:
        match effect:
            case StreamOpened(stream):
                self._held[stream] = _HeldStream()
            case StreamData(stream, data):
                self._held[stream].data += data
            case StreamFinished(stream):
                self._held[stream].has_finished = True
            case StreamReset(stream):
                del self._held[stream]
            case StreamWritable() | StreamRefused():
                raise AssertionError(f"{effect} before anything was sent or held")
