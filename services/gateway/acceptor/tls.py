"""TLS of the acceptor: what is offered, and a protocol that needs little memory for it.

Offered are TLS 1.3, and TLS 1.2 with the suites that are authenticated encryption with keys of
their own for each connection (RFC 9325, section 4.2). asyncio's protocol takes 256 KiB of buffer
for each connection, a thousand idle ones 256 MiB: here all connections of a loop share one.
"""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any, Final, cast

from services.gateway.acceptor.core.limits import ConnectionLimits

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of TLS 1.3 are sound without a list."""

READ_BYTES: Final = 64 * 1024
PATIENCE: Final = 2
"""asyncio's own timeouts are this many times ours, which come first and are counted."""


def build_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Build the context of a server with the *certificate* and *key* in those files.

    Raises:
        OSError: they cannot be read, or are no certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # memory for each connection, and no client of ours resumes sessions
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


class ReadBuffer:
    """The buffer that the connections of one event loop read into, one after the other.

    asyncio fills a buffer and has it emptied in one callback: nothing stays in it in between.
    """

    def __init__(self) -> None:
        self.data = bytearray(READ_BYTES)
        self.view = memoryview(self.data)


class TlsProtocol(SSLProtocol):
    """The server's side of one connection; *on_lost* is called at its end, however it came."""

    max_size = READ_BYTES

    def __init__(
        self,
        context: ssl.SSLContext,
        buffer: ReadBuffer,
        protocol: asyncio.Protocol,
        limits: ConnectionLimits,
        on_lost: Callable[[], None],
    ) -> None:
        nobody_waits = cast("asyncio.Future[Any]", None)
        super().__init__(
            *(asyncio.get_running_loop(), protocol, context, nobody_waits),
            server_side=True,
            ssl_handshake_timeout=ceil(PATIENCE * limits.handshake_seconds),
            ssl_shutdown_timeout=ceil(PATIENCE * limits.closing_seconds),
        )
        self._ssl_buffer = buffer.data  # the one that the base class made is freed at once
        self._ssl_buffer_view = buffer.view
        self._on_lost = on_lost

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._on_lost()
