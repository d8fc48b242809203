"""Reads and answers one connection before it is part of a pair.

A connection sends one HELLO and then only listens, or it measures with a few PINGs; anything else
breaks the protocol. End of file means that the peer left, so a dead peer does not keep its place.
A connection from a load balancer begins with a PROXY header, in whatever pieces it comes.
"""

import contextlib
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final, Protocol

from services.relay.core.admission import ConnectionId
from shared.wire.proxy_protocol import ProxyHeader, parse_proxy_header
from shared.wire.relay import LONGEST_FRAME_BYTES, FrameReader

READ_BYTES: Final = LONGEST_FRAME_BYTES
IGNORED_BYTES: Final = 256 * 1024
"""Most bytes read of a refused connection; a peer that sends more is reset."""


class Owner(Protocol):
    """Receives what happens on pending connections."""

    def on_received(self, pending: "PendingConnection", data: bytes) -> None: ...

    def on_left(self, pending: "PendingConnection") -> None: ...


class PendingConnection:
    """A connection of *source* that is not part of a pair.

    While *expects_header*, its bytes are those of a PROXY header, or come after it.
    """

    __slots__ = (
        *("id", "source", "expects_header", "reader"),
        *("_loop", "_connection", "_owner", "_header", "_ignored", "_on_closed"),
    )

    def __init__(
        self,
        loop: AbstractEventLoop,
        connection_id: ConnectionId,
        connection: socket.socket,
        source: str,
        owner: Owner,
    ) -> None:
        self.id = connection_id
        self.source = source
        self.expects_header = False
        self.reader = FrameReader()
        self._loop = loop
        self._connection = connection
        self._owner = owner
        self._header = b""
        self._ignored = 0
        self._on_closed: Callable[[], None] | None = None

    def start(self) -> None:
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def read_header(self, data: bytes) -> tuple[ProxyHeader, bytes] | None:
        """Return the PROXY header that *data* completes, and the bytes after it; None: read on.

        Raises:
            BadProxyHeader: the connection does not begin with one.
        """
        self._header += data
        header = parse_proxy_header(self._header)
        if header is None:
            return None
        rest, self._header, self.expects_header = self._header[header.length :], b"", False
        return header, rest

    def send(self, frame: bytes) -> None:
        """Send a small frame; a peer that cannot take it has left, and `on_left` will follow."""
        with contextlib.suppress(OSError):
            self._connection.send(frame)

    def detach(self) -> socket.socket:
        """Stop reading and return the socket, which the caller owns from now on."""
        self._loop.remove_reader(self._connection.fileno())
        return self._connection

    def refuse(self, frame: bytes, on_closed: Callable[[], None]) -> None:
        """Send the last frame; read on until the peer closes, or somebody calls `close`."""
        self.send(frame)
        self.reader, self._header = FrameReader(), b""  # nobody reads what they hold any more
        self._on_closed = on_closed
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

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
            self._ignore(data)
        elif data:
            self._owner.on_received(self, data)
        else:
            self._owner.on_left(self)

    def _ignore(self, data: bytes) -> None:
        """Read what a refused peer still sends, up to a limit."""
        self._ignored += len(data)
        if not data or self._ignored > IGNORED_BYTES:
            self.close()
