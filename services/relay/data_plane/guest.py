"""One connection before its pair: reads the HELLO, tells it to wait, or why it must go.

A guest says one thing, its HELLO, and then listens, or it only measures with a few PINGs; whatever
else it sends is a breach. Its end of file means that it left, so a dead peer does not hold its
place.
A refused guest is read (and ignored) for a moment before it is closed: closing a socket with
unread bytes resets it, and the reason would be lost on the way.
"""

import contextlib
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final, Protocol

from services.relay.core.admission import GuestId
from shared.wire.relay import FrameReader

READ_BYTES: Final = 8 * 1024
LINGER_SECONDS: Final = 1.0


class Host(Protocol):
    """Who takes care of guests."""

    def on_received(self, guest: "Guest", data: bytes) -> None: ...

    def on_left(self, guest: "Guest") -> None: ...


class Guest:
    """A connection that is not part of a pair."""

    def __init__(
        self, loop: AbstractEventLoop, guest_id: GuestId, connection: socket.socket, host: Host
    ) -> None:
        self.id = guest_id
        self.reader = FrameReader()
        self._loop = loop
        self._connection = connection
        self._host = host
        self._on_closed: Callable[[], None] | None = None

    def start(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def tell(self, frame: bytes) -> None:
        """Send a small frame; a guest that takes not even that has left, and its end will tell."""
        with contextlib.suppress(OSError):
            self._connection.send(frame)

    def hand_over(self) -> socket.socket:
        """Give the connection away."""
        self._loop.remove_reader(self._connection.fileno())
        return self._connection

    def send_away(self, frame: bytes, on_closed: Callable[[], None]) -> None:
        """Tell the last word, wait a moment until it was taken, and close."""
        self.tell(frame)
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
            self._host.on_received(self, data)
        else:
            self._host.on_left(self)
