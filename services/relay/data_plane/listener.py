"""Accepts connections; while the process has no free descriptor, it pauses and tries again."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

from shared.domain.errors import BadSettings

BACKLOG: Final = 1_024
TURN_CONNECTIONS: Final = 64
"""Most connections accepted before the running pairs get their turn."""

PAUSE_SECONDS: Final = 0.2
KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A peer that vanished is noticed within about a minute, with no byte in flight either."""


def listen(host: str, port: int) -> socket.socket:
    """Open the relay's port.

    Raises:
        BadSettings: the address is not ours or the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "the port is in use" if in_use else str(error)
        raise BadSettings(
            f"the relay cannot listen on {host}:{port}: {why}; "
            "set MERIDIAN_RELAY_HOST and MERIDIAN_RELAY_PORT"
        ) from error
    listener.settimeout(0)
    return listener


class Listener:
    """A listening socket that hands each connection to *on_connection*."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        on_connection: Callable[[socket.socket], None],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._on_connection = on_connection
        self._pause: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def open(self) -> None:
        self._loop.add_reader(self._listener.fileno(), self._on_readable)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        if self._listener.fileno() != -1:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    def _on_readable(self) -> None:
        for _ in range(TURN_CONNECTIONS):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(self._listener.fileno())
                self._pause = self._loop.call_later(PAUSE_SECONDS, self.open)
                return
            connection.settimeout(0)
            for level, option, value in KEEPALIVE:
                connection.setsockopt(level, option, value)
            self._on_connection(connection)
