"""Moves bytes between local connections and the tunnel's streams.

Back-pressure works by not reading: a local connection is not read while its stream takes no more
bytes, and received bytes count as consumed only when the local socket has room again. A half-close
stays a half-close; a broken connection becomes a reset at the other end. A stream that ends while
its target is being dialled ends the dialling, and the connection that came of it.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol, cast

from clients.endpoint.refusals import RefusalReports
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
from clients.tunnel.streams import Streams
from shared.domain.containment import cause_of, ends_process

CONNECT_SECONDS: Final = 10.0
HIGH_WATER_BYTES: Final = 1024 * 1024
DIALS_AT_ONCE: Final = 64
"""Streams beyond these wait for their turn to be dialled."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

ConnectionNews = StreamData | StreamFinished | StreamReset | StreamWritable
"""What happens to a connection that a stream already has."""


class StreamCarrier(Protocol):
    """The part of the endpoint that a connection uses."""

    @property
    def streams(self) -> Streams: ...

    def flush(self) -> None: ...


class ConnectionListener(Protocol):
    """Receives the news of connections that opened or broke, or were too many."""

    def on_stream_opened(self, stream: StreamId) -> None: ...

    def on_streams_refused(self, count: int) -> None: ...

    def on_stream_broken(self, stream: StreamId, reason: str) -> None: ...


class LocalConnection(asyncio.Protocol):
    """A local socket tied to a stream."""

    def __init__(
        self, carrier: StreamCarrier, stream: StreamId, on_over: Callable[[], None]
    ) -> None:
        self._carrier = carrier
        self._stream = stream
        self._on_over = on_over
        self._transport: asyncio.Transport | None = None
        self._early_data = bytearray()
        self._undelivered = 0
        self._is_full = False
        self._is_aborted = False
        self._local_ended = False
        self._remote_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_aborted:
            _reset(self._transport)
            return
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        connection = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        early_data, self._early_data = self._early_data, bytearray()
        if early_data:
            self.deliver(memoryview(early_data))
        if self._remote_ended:
            self._transport.write_eof()
        self._carrier.flush()

    def data_received(self, data: bytes) -> None:
        self._carrier.streams.send(self._stream, data)
        self._carrier.flush()
        if self._transport is not None and not self._carrier.streams.takes_more(self._stream):
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._local_ended = True
        self._carrier.streams.finish(self._stream)
        self._carrier.flush()
        return not self._remote_ended

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or not (self._local_ended and self._remote_ended):
            reason = "the connection broke" if exc is None else str(exc)
            self._carrier.streams.reset(self._stream, reason)
            self._carrier.flush()
        self._on_over()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        count, self._undelivered = self._undelivered, 0
        self._carrier.streams.consumed(self._stream, count)
        self._carrier.flush()

    def deliver(self, data: memoryview) -> None:
        """Write *data* of the other end; it counts as consumed when the socket has room again."""
        if self._transport is None:
            self._early_data += data
            return
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._is_full:
            self._undelivered += len(data)
        else:
            self._carrier.streams.consumed(self._stream, len(data))

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def finish(self) -> None:
        """End the local connection's input: the other end sends no more."""
        self._remote_ended = True
        if self._transport is None:
            return
        if self._local_ended:
            self._transport.close()
        else:
            self._transport.write_eof()

    def abort(self) -> None:
        """Reset the connection, so that what was received so far does not look complete."""
        self._is_aborted = True
        self._early_data.clear()
        if self._transport is not None:
            _reset(self._transport)


def _reset(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


class Forwarder:
    """Owns the local connections of one end, by their streams."""

    def __init__(self, carrier: StreamCarrier, listener: ConnectionListener) -> None:
        self._carrier = carrier
        self._listener = listener
        self._connections: dict[StreamId, LocalConnection] = {}
        self._refusals = RefusalReports(listener.on_streams_refused)

    def on_stream(self, effect: StreamEffect) -> None:
        match effect:
            case StreamOpened(stream):
                self._on_opened(stream)
            case StreamRefused():
                self._refusals.record()
            case _:
                connection = self._connections.get(effect.stream)
                if connection is not None:
                    self._on_news(connection, effect)

    def close(self) -> None:
        """Reset all connections that are left, those that are being dialled too."""
        self._refusals.close()
        for stream, connection in list(self._connections.items()):
            connection.abort()
            self._detach(stream)

    def _on_news(self, connection: LocalConnection, news: ConnectionNews) -> None:
        match news:
            case StreamData(_, data):
                connection.deliver(data)
            case StreamWritable():
                connection.resume_reading()
            case StreamFinished():
                connection.finish()
            case StreamReset(stream, reason):
                self._listener.on_stream_broken(stream, reason)
                connection.abort()
                self._detach(stream)

    def _on_opened(self, stream: StreamId) -> None:
        """Refuse a stream of the other end; only the representative's end may open one."""
        raise AssertionError(f"stream {stream} was opened at the end that opens")

    def _attach(self, stream: StreamId) -> LocalConnection:
        """Make the connection of *stream*; its socket comes later."""
        connection = LocalConnection(self._carrier, stream, lambda: self._detach(stream))
        self._connections[stream] = connection
        self._listener.on_stream_opened(stream)
        return connection

    def _detach(self, stream: StreamId) -> None:
        if self._connections.pop(stream, None) is not None:
            self._on_removed(stream)

    def _on_removed(self, stream: StreamId) -> None:
        """React to the end of the connection of *stream*."""


class SharedAddressForwarder(Forwarder):
    """The customer's end: makes a connection to the one shared address for every stream."""

    def __init__(
        self, carrier: StreamCarrier, listener: ConnectionListener, host: str, port: int
    ) -> None:
        super().__init__(carrier, listener)
        self._host = host
        self._port = port
        self._turns = asyncio.Semaphore(DIALS_AT_ONCE)
        self._dials: dict[StreamId, asyncio.Task[None]] = {}

    def _on_opened(self, stream: StreamId) -> None:
        dial = self._dial(stream, self._attach(stream))
        self._dials[stream] = asyncio.get_running_loop().create_task(dial)

    def _on_removed(self, stream: StreamId) -> None:
        dial = self._dials.pop(stream, None)
        if dial is not None:
            dial.cancel()

    async def _dial(self, stream: StreamId, connection: LocalConnection) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with self._turns, asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: connection, self._host, self._port)
            self._dials.pop(stream, None)
        except Exception as error:
            self._dials.pop(stream, None)
            if ends_process(error):
                raise
            reason = f"{self._host}:{self._port}: {_describe_error(error)}"
            self._listener.on_stream_broken(stream, reason)
            self._carrier.streams.reset(stream, reason)
            self._carrier.flush()
            self._detach(stream)


def _describe_error(error: Exception) -> str:
    """The operating system's words for *error*, without those of asyncio."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if not isinstance(error, OSError):
        return cause_of(error)
    return os.strerror(error.errno) if error.errno else str(error)


class LocalListener(Forwarder):
    """The representative's end: opens a stream for every local connection."""

    def __init__(
        self,
        carrier: StreamCarrier,
        listener: ConnectionListener,
        on_empty: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(carrier, listener)
        self._on_empty = on_empty
        self._servers: list[asyncio.Server] = []

    async def listen(self, host: str, port: int) -> list[tuple[str, int]]:
        """Accept local connections at one more address; returns every socket's own.

        Raises:
            OSError: the address is not ours or in use.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, host, port)
        self._servers.append(server)
        addresses = [listener.getsockname() for listener in server.sockets]
        return [(str(address[0]), int(address[1])) for address in addresses]

    async def adopt(self, connection: socket.socket) -> None:
        """Open a stream for one connected socket."""
        await asyncio.get_running_loop().create_connection(self._accept, sock=connection)

    def close(self) -> None:
        for server in self._servers:
            server.close()
        super().close()

    def _accept(self) -> asyncio.Protocol:
        stream = self._carrier.streams.open()
        if stream is not None:
            return self._attach(stream)
        self._refusals.record()
        return _RejectedConnection()

    def _on_removed(self, stream: StreamId) -> None:  # noqa: ARG002 (only the last one counts)
        if not self._connections and self._on_empty is not None:
            self._on_empty()


class _RejectedConnection(asyncio.Protocol):
    """A local connection that is refused: there are too many streams, or the other end is away."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _reset(cast("asyncio.Transport", transport))
