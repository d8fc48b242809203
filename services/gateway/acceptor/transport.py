"""The transport that uvicorn's protocols write to: it names the client and reports their acts."""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

Address = tuple[str, int]


class TransportWatch(Protocol):
    """Learns what a protocol does with its transport."""

    def on_paused(self) -> None: ...
    def on_resumed(self) -> None: ...
    def on_closing(self) -> None: ...


class ClientTransport(asyncio.Transport):
    """A TLS transport whose peer is *client*, which may be another than the socket's.

    *written* counts the bytes that were handed to it.
    """

    def __init__(
        self, inner: asyncio.Transport, client: Address, server: Address, watch: TransportWatch
    ) -> None:
        super().__init__()
        self.written = 0
        self._inner = inner
        self._watch = watch
        self._names: dict[str, Any] = {"peername": client, "sockname": server, "socket": None}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name in self._names:
            return self._names[name]
        return self._inner.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self._watch.on_paused()
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._watch.on_resumed()
        self._inner.resume_reading()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def close(self) -> None:
        self._watch.on_closing()
        self._inner.close()

    def abort(self) -> None:
        self._watch.on_closing()
        self._inner.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()
