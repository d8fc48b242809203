"""The control channel: a WebSocket to one of the site's masters, and to another when that is gone.

Paths, the session's phase and its end come down; the wish for new paths, the node that the shared
address led to and the wish to end go up.
**A channel that breaks ends nothing**: the tunnel runs on, and the channel comes again for as long
as the session lives. What was to be said waits until there is a channel.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.domain.containment import ends_process
from shared.domain.errors import Unauthenticated
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.path import Path

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 5.0
SHORTEST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 3.0
LONGEST_MESSAGE: Final = 256 * 1024
_REFUSED: Final = 4401


@dataclass(frozen=True, slots=True)
class Leave:
    """What a site gave an endpoint for one session."""

    session: SessionId
    token: str
    gateways: tuple[str, ...]

    @staticmethod
    def read(answer: dict[str, Any], known_gateways: Sequence[str]) -> "Leave":
        """The site's *answer*, and the front doors known before, in case its own do not answer.

        Raises:
            Undecodable: it is no such answer.
        """
        fields = Fields(answer, "session credentials")
        named = fields.items("gateways") if "gateways" in fields else []
        urls = [str(url).rstrip("/") for url in named]
        gateways = tuple(dict.fromkeys([*known_gateways, *urls]))
        return Leave(SessionId(fields.text("session")), fields.text("endpoint_token"), gateways)


@dataclass(frozen=True, slots=True)
class PathsOffered:
    """All paths of the session, with tickets for this side."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PhaseTold:
    """The session's phase, which ends have joined, and who represents the site."""

    phase: str
    ends: tuple[str, ...]
    representative: str = ""


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The site says that the session is over."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The site could not do what was asked of it; it may later."""

    message: str


Message = PathsOffered | PhaseTold | SessionClosed | Refusal


class _Connect(connect):
    """A connection to the front door that was named, and to no other.

    The library would follow a redirection, and fails on one that it cannot read with errors of any
    kind.
    """

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class ControlChannel:
    """One endpoint's channel; `run` keeps it until the session is over."""

    def __init__(
        self, leave: Leave, tls: ssl.SSLContext | None, on_message: Callable[[Message], None]
    ) -> None:
        self._leave = leave
        self._tls = tls
        self._on_message = on_message
        self._gateways = list(leave.gateways)
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._wants_paths = False

    async def run(self) -> None:
        """Be connected until the site says that the session is over.

        Raises:
            Unauthenticated: the site does not accept the endpoint's token.
        """
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                async with self._connect() as socket:
                    pause = SHORTEST_PAUSE_SECONDS
                    if await self._converse(socket):
                        return
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == _REFUSED:
                    raise Unauthenticated(f"the site refuses this end: {closed.rcvd.reason}")  # noqa: B904 (the close frame says all)
            except Exception as error:
                if ends_process(error):
                    raise  # whatever else is wrong with one gateway, the next one is tried
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._gateways.append(self._gateways.pop(0))
            await asyncio.sleep(pause)

    def ask_for_paths(self) -> None:
        """No path is left; said once, however often it is asked while nobody listens."""
        if not self._wants_paths:
            self._wants_paths = True
            self._say({"type": "need_paths"})

    def tell_node(self, generation: PathGeneration, node: NodeId) -> None:
        """The address that all relays share led to *node*."""
        self._say({"type": "waits_at", "generation": generation, "node": node})

    async def close(self, reason: str, seconds: float) -> None:
        """Tell the site that the session is over; given up after *seconds*."""
        self._say({"type": "close", "message": reason})
        try:
            async with asyncio.timeout(seconds):
                await self._outgoing.join()
        except TimeoutError:
            return

    def _say(self, message: dict[str, object]) -> None:
        self._outgoing.put_nowait(json.dumps(message))

    def _connect(self) -> _Connect:
        base = self._gateways[0]
        url = f"{base.replace('http', 'ws', 1)}/api/v1/sessions/{self._leave.session}/channel"
        return _Connect(
            url,
            ssl=self._tls if url.startswith("wss:") else None,
            additional_headers={"Authorization": f"Bearer {self._leave.token}"},
            open_timeout=CONNECT_SECONDS,
            ping_interval=SILENCE_SECONDS,
            ping_timeout=SILENCE_SECONDS,
            close_timeout=1,
            max_size=LONGEST_MESSAGE,
        )

    async def _converse(self, socket: ClientConnection) -> bool:
        """Speak and listen until the connection is gone; True when the session is over."""
        speaking = asyncio.create_task(self._speak(socket))
        try:
            async for text in socket:
                message = _read(text)
                if message is not None:
                    self._on_message(message)
                elif '"ping"' in str(text):
                    await socket.send('{"type":"pong"}')
                if isinstance(message, SessionClosed):
                    return True
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
        return False

    async def _speak(self, socket: ClientConnection) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                await socket.send(text)
            except (ConnectionClosed, asyncio.CancelledError):
                self._outgoing.put_nowait(text)
                raise
            finally:
                self._outgoing.task_done()
            self._wants_paths = False


def _read(text: str | bytes) -> Message | None:
    """The message in *text*; None for one that is not for this endpoint."""
    try:
        return _message(decode_object(text, "message"))
    except Undecodable:
        return None


def _message(fields: Fields) -> Message | None:
    match fields.text("type"):
        case "paths":
            return PathsOffered(tuple(_path(each) for each in fields.objects("paths")))
        case "state":
            ends = tuple(str(end) for end in fields.items("ends"))
            by = fields.text("representative") if "representative" in fields else ""
            return PhaseTold(fields.text("phase"), ends, by)
        case "closed":
            reason = fields.text("message") if "message" in fields else ""
            return SessionClosed(reason or "closed")
        case "error":
            return Refusal(fields.text("message"))
        case _:
            return None


def _path(fields: Fields) -> Path:
    return Path(
        node=NodeId(fields.text("node")) if "node" in fields else None,
        host=fields.text("host"),
        port=fields.integer("port", least=1, most=65_535),
        generation=PathGeneration(fields.integer("generation")),
        ticket=fields.text("ticket"),
    )
