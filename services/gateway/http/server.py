"""Builds the HTTPS server of the gateway: its socket, its certificate and uvicorn's options."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from shared.crypto.authority import issue_certificate
from shared.crypto.join import AUTHORITY_FILE, AUTHORITY_KEY_FILE
from shared.crypto.nodekeys import write_secret
from shared.domain.errors import BadSettings

BACKLOG: Final = 512


class HttpsServer(uvicorn.Server):
    """Serves until it is cancelled; the service handles signals, so this server does not."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def listen(self) -> None:
        """Listen and serve until cancelled.

        Raises:
            BadSettings: the port is in use.
        """
        host, port = self.config.host, self.config.port
        try:
            listener = listening_socket(host, port)
        except OSError as error:
            raise BadSettings(
                f"cannot listen on {host}:{port} (MERIDIAN_GATEWAY_PORT): {error.strerror}"
            ) from error
        await self.serve(sockets=[listener])


def build_server(api: FastAPI, host: str, port: int, certificate: tuple[Path, Path]) -> HttpsServer:
    """Build the server of *api*; *certificate* names the file of the certificate and of its key."""
    return HttpsServer(
        uvicorn.Config(
            api,
            host=host,
            port=port,
            ssl_certfile=str(certificate[0]),
            ssl_keyfile=str(certificate[1]),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_ping_interval=5.0,
            ws_ping_timeout=5.0,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Open a listening socket that names its protocol: only then asyncio sets `TCP_NODELAY`.

    Raises:
        OSError: the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def write_certificate(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """Write a fresh certificate of the site's authority for *names*; return its file and its key's.

    Raises:
        BadSettings: the authority's files cannot be read.
    """
    try:
        authority = (folder / AUTHORITY_FILE).read_bytes()
        authority_key = (folder / AUTHORITY_KEY_FILE).read_bytes()
    except OSError as error:
        raise BadSettings(f"the site's certificate authority cannot be read: {error}") from error
    certificate, key = issue_certificate(authority, authority_key, names)
    paths = folder / "gateway.pem", folder / "gateway.key"
    paths[0].write_bytes(certificate)
    write_secret(paths[1], key)
    return paths
