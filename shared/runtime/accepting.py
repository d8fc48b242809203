"""Accepts connections; while the process has no free descriptor, it sheds some or pauses."""

import asyncio
import errno
import resource
import socket
from typing import Final, Protocol

TURN_CONNECTIONS: Final = 64
"""Most connections accepted before what is running gets its turn."""

PAUSE_SECONDS: Final = 0.2
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A peer that vanished is noticed within minutes, with no byte in flight either."""


class Acceptor(Protocol):
    """Receives what comes to a listening socket."""

    def on_connection(self, connection: socket.socket, peer: tuple[str, int]) -> None: ...

    def on_exhausted(self) -> bool:
        """Free descriptors, of which none is left; say whether there are some now."""
        ...


class Listener:
    """A listening socket that hands each connection to its *acceptor*."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, acceptor: Acceptor
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._acceptor = acceptor
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accept from now on."""
        self._loop.add_reader(self._listener.fileno(), self._on_readable)

    def close(self) -> None:
        """Accept no more, and close the socket."""
        if self._pause is not None:
            self._pause.cancel()
        if self._listener.fileno() != -1:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    def _on_readable(self) -> None:
        for _ in range(TURN_CONNECTIONS):
            try:
                connection, (address, port, *_) = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._on_failure(error)
                return
            if _prepare(connection):
                self._acceptor.on_connection(connection, (address, port))

    def _on_failure(self, error: OSError) -> None:
        """Come again at once where there is room now, and after a pause where there is none."""
        if error.errno in EXHAUSTED and self._acceptor.on_exhausted():
            return
        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(PAUSE_SECONDS, self.open)


def _prepare(connection: socket.socket) -> bool:
    """Set the options of an accepted connection; False when it has broken meanwhile."""
    try:
        connection.settimeout(0)
        for level, option, value in KEEPALIVE:
            connection.setsockopt(level, option, value)
    except OSError:
        connection.close()
        return False
    return True


def raise_descriptor_limit() -> int:
    """Let this process open as many descriptors as it may; return their number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
