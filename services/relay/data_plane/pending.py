"""Reads and answers one connection before it is part of a pair.

A connection sends one HELLO and then only listens, or it measures with a few PINGs; anything else
breaks the protocol. End of file means that the peer left, so a dead peer does not keep its place.
The relay reads (and ignores) a refused connection for a moment before it closes it: closing a
socket with unread bytes resets it, and the peer would not receive the reason.
"""

import contextlib
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final, Protocol

from services.relay.core.admission import ConnectionId
from shared.wire.relay import FrameReader

READ_BYTES: Final = 8 * 1024
LINGER_SECONDS: Final = 1.0


class Owner(Protocol):
    """Receives what happens on pending connections."""

    def on_received(self, pending: "PendingConnection", data: bytes) -> None: ...

    def on_left(self, pending: "PendingConnection") -> None: ...


class PendingConnection:
    """A connection that is not part of a pair."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        connection_id: ConnectionId,
        connection: socket.socket,
        owner: Owner,
    ) -> None:
        self.id = connection_id
        self.reader = FrameReader()
        self._loop = loop
        self._connection = connection
        self._owner = owner
        self._on_closed: Callable[[], None] | None = None

    def start(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def send(self, frame: bytes) -> None:
        """Send a small frame; a peer that cannot take it has left, and `on_left` will follow."""
        with contextlib.suppress(OSError):
            self._connection.send(frame)

    def detach(self) -> socket.socket:
        """Stop reading and return the socket, which the caller owns from now on."""
        self._loop.remove_reader(self._connection.fileno())
        return self._connection

    def refuse(self, frame: bytes, on_closed: Callable[[], None]) -> None:
        """Send the last frame, let the peer read it for a moment, and close."""
        self.send(frame)
        self._on_closed = on_closed
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        self._loop.call_later(LINGER_SECONDS, self.close)

    def close(self) -> None:
        if self._connection.fileno() == -1:
            return
        self._loop.remove_reader(self._connection.fileno())
        self._connection.close()
        if self._on_closed is not None:
            self._on_closed()

    def _on_readable(self) -> None:
        try:
            data = self._connection.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if self._on_closed is not None:
            if not data:
                self.close()
        elif data:
            self._owner.on_received(self, data)
        else:
            self._owner.on_left(self)
