"""Keeps the control channel: a WebSocket to a gateway, and to another one when that is gone.

The messages are declared in `shared.api.channel`. **A channel that breaks ends nothing**: the
tunnel runs on, and the channel reconnects as long as the session lives. Messages wait until there
is a channel. Every connection names the number of this program, so that the site tells its return
from the arrival of another program with the same credentials.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.api.channel import (
    ENDPOINT_HEADER,
    LONGEST_FROM_GATEWAY,
    CloseCode,
    CloseRequested,
    EndLeft,
    FromEndpoint,
    FromGateway,
    NodeFound,
    PathsNeeded,
    RequestRefused,
    SessionClosed,
    channel_path,
    decode_from_gateway,
)
from shared.api.sessions import SessionCredentials
from shared.decoding.errors import Undecodable
from shared.domain.backoff import Backoff
from shared.domain.containment import ends_process
from shared.domain.errors import AlreadyConnected, Unauthenticated
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.session import CloseReason

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 5.0
RESERVED_SECONDS: Final = 1.0
"""The pause while another program may still come back to its place."""

RECONNECTING: Final = Backoff(first_seconds=0.1, longest_seconds=3.0)


class _Connect(connect):
    """A connection to the gateway that was named, and to no other.

    The library would follow a redirection, and fails with errors of any kind on one that it cannot
    read.
    """

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class ControlChannel:
    """The channel of one endpoint; `run` keeps it connected until the session is over."""

    def __init__(
        self,
        credentials: SessionCredentials,
        tls: ssl.SSLContext | None,
        on_message: Callable[[FromGateway], None],
    ) -> None:
        self._credentials = credentials
        self._tls = tls
        self._on_message = on_message
        self._gateways = list(credentials.gateways)
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._is_request_waiting = False
        self._endpoint = secrets.token_hex(16)
        self._refusal = ""
        self.is_connected = False

    async def run(self) -> None:
        """Stay connected until the site closes the session.

        Raises:
            Unauthenticated: the site does not accept the endpoint's token.
            AlreadyConnected: another program is connected with the same credentials.
        """
        failures = 0
        while True:
            try:
                async with self._connect() as socket:
                    failures = 0
                    if await self._converse(socket):
                        return
                    self._require_place(socket)
                    if socket.close_code == CloseCode.RESERVED:
                        await asyncio.sleep(RESERVED_SECONDS)
            except (Unauthenticated, AlreadyConnected):
                raise
            except Exception as error:
                if ends_process(error):
                    raise  # whatever else is wrong with one gateway, the next one is tried
                failures += 1
            self._gateways.append(self._gateways.pop(0))
            await asyncio.sleep(RECONNECTING.pause_seconds(failures + 1))

    def request_paths(self) -> None:
        """Ask for other paths; while a request waits for a channel, further ones are dropped."""
        if not self._is_request_waiting:
            self._is_request_waiting = True
            self._send(PathsNeeded())

    def report_node(self, generation: PathGeneration, node: NodeId) -> None:
        """Report that the address that all relays share led to *node*."""
        self._send(NodeFound(generation=generation, node=node))

    async def say_goodbye(self, message: str, seconds: float) -> None:
        """Notify the site that this program ends, for at most *seconds*; the session goes on."""
        self._send(EndLeft(message=message))
        await self._wait_sent(seconds)

    async def close(self, reason: CloseReason, message: str, seconds: float) -> None:
        """Notify the site that the session is over, for at most *seconds*."""
        self._send(CloseRequested(reason=reason, message=message))
        await self._wait_sent(seconds)

    async def _wait_sent(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._outgoing.join()
        except TimeoutError:
            return

    def _send(self, message: FromEndpoint) -> None:
        self._outgoing.put_nowait(message.encode())

    def _connect(self) -> _Connect:
        base = self._gateways[0].replace("http", "ws", 1)
        url = f"{base}{channel_path(self._credentials.session)}"
        return _Connect(
            url,
            ssl=self._tls if url.startswith("wss:") else None,
            additional_headers={
                "Authorization": f"Bearer {self._credentials.endpoint_token}",
                ENDPOINT_HEADER: self._endpoint,
            },
            open_timeout=CONNECT_SECONDS,
            ping_interval=SILENCE_SECONDS,
            ping_timeout=SILENCE_SECONDS,
            close_timeout=1,
            max_size=LONGEST_FROM_GATEWAY,
        )

    async def _converse(self, socket: ClientConnection) -> bool:
        """Send and receive until the connection is gone; True when the session is over."""
        sending = asyncio.create_task(self._send_queued(socket))
        try:
            async for text in socket:
                message = _read(text)
                self._note(message)
                if message is not None:
                    self._on_message(message)
                if isinstance(message, SessionClosed):
                    return True
        except ConnectionClosed:
            return False
        finally:
            self.is_connected = False
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        return False

    def _note(self, message: FromGateway | None) -> None:
        if isinstance(message, RequestRefused):
            self._refusal = message.message
        else:
            self.is_connected = True

    def _require_place(self, socket: ClientConnection) -> None:
        """Go on unless the gateway refused this program for good, by the code that it closed with.

        Raises:
            Unauthenticated: the site does not accept the endpoint's token.
            AlreadyConnected: another program is connected with the same credentials.
        """
        if socket.close_code == CloseCode.REFUSED:
            raise Unauthenticated(f"the site refuses this end: {socket.close_reason}")
        if socket.close_code == CloseCode.TAKEN:
            raise AlreadyConnected(self._refusal or "another program has this side's place")

    async def _send_queued(self, socket: ClientConnection) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                await socket.send(text)
            except (ConnectionClosed, asyncio.CancelledError):
                self._outgoing.put_nowait(text)
                raise
            finally:
                self._outgoing.task_done()
            self._is_request_waiting = False


def _read(text: str | bytes) -> FromGateway | None:
    """The message in *text*; None for one that is not for this endpoint."""
    try:
        return decode_from_gateway(text)
    except Undecodable:
        return None
