"""Runs one end of a session from its credentials to its end: tunnel, control channel and narration.

The tunnel decides when the session is over; the site may say so too. An end that leaves tells both,
the other end through the tunnel first, so that no byte is cut off by the site's own close.
"""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from clients.channel import ControlChannel
from clients.endpoint.endpoint import Endpoint, StreamUser, Surroundings
from clients.narration import Say
from clients.tunnel.effects import (
    EndCode,
    Ended,
    PathEffect,
    PathLost,
    PathUp,
    SecretUnknown,
    Secured,
    StreamId,
    WordsDiffer,
)
from clients.tunnel.exchange import Credentials
from shared.api.channel import (
    FromGateway,
    PathsOffered,
    RequestRefused,
    SessionClosed,
    SessionReported,
)
from shared.api.sessions import SessionCredentials
from shared.domain.errors import Rejected, SessionEnded, Unauthenticated
from shared.domain.ids import PathGeneration
from shared.domain.node import Side
from shared.domain.session import CloseReason

TELL_SITE_SECONDS: Final = 2.0
_ENDS_FOR_BOTH: Final = {
    EndCode.CLOSED: CloseReason.CLOSED_BY_ENDPOINT,
    EndCode.KEY_BURNT: CloseReason.KEY_BURNT,
    EndCode.BAD_OFFSET: CloseReason.PROTOCOL_ERROR,
    EndCode.BAD_STREAM: CloseReason.PROTOCOL_ERROR,
    EndCode.EXPIRED: CloseReason.EXPIRED,
}
"""After these the session is of no use to anybody; a mistyped key costs only its own end."""


class User(StreamUser, Protocol):
    """What uses the streams of a live session."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Which end this is, and with what it comes; a session from a queue has no *words*."""

    side: Side
    words: str | None
    credentials: SessionCredentials
    tls: ssl.SSLContext | None


class Live:
    """One end while it runs; also the one who is told of streams."""

    def __init__(self, part: Part, say: Say) -> None:
        self._part = part
        self._say = say
        self._was_secured = False
        self._was_up = False
        self._by_site = False
        self._waits_for: str | None = None
        self._failed: set[tuple[PathGeneration, str]] = set()
        self.on_code: Callable[[str], None] = lambda _: None
        self.on_node: Callable[[str], None] = lambda _: None
        self.broken: str | None = None
        credentials = Credentials(part.credentials.session, part.words)
        self._channel = ControlChannel(part.credentials, part.tls, self._on_message)
        surroundings = Surroundings(
            self._on_fact,
            self._channel.ask_for_paths,
            self._channel.tell_node,
            self._on_path_failed,
        )
        self.endpoint = Endpoint(part.side, credentials, surroundings)

    async def run(self, user: User) -> None:
        """Carry the session until it is over.

        Raises:
            Rejected: it ended otherwise than by a close after it was secured.
            Unauthenticated: the site refuses this end, and there is no tunnel yet.
        """
        self.endpoint.user = user
        async with self._channelled(), _interrupts(self.endpoint.close):
            ended = await self.endpoint.ended
            user.close()
            reason = _ENDS_FOR_BOTH.get(ended.code)
            if reason is not None and not self._by_site:
                await self._channel.close(reason, ended.message, TELL_SITE_SECONDS)
        self._judge(ended)

    def on_stream_opened(self, stream: StreamId) -> None:
        self._say("stream_opened", stream=stream)

    def on_stream_broken(self, stream: StreamId, reason: str) -> None:
        self.broken = reason
        self._say("stream_broken", stream=stream, reason=reason)

    def _judge(self, ended: Ended) -> None:
        """A close is a good end once the ends have met; everything else is an error."""
        if ended.code is not EndCode.CLOSED:
            raise Rejected(ended.message, code=ended.code.value)
        if not self._was_secured and self._by_site:
            session = self._part.credentials.session
            raise SessionEnded(f"session {session} is over: {ended.message}")

    @contextlib.asynccontextmanager
    async def _channelled(self) -> AsyncGenerator[None]:
        """With the control channel; its refusal ends a session that has no tunnel yet."""
        task = asyncio.create_task(self._channel.run())
        task.add_done_callback(self._on_channel_over)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not self._was_up and not task.cancelled() and task.exception() is not None:
            await task

    def _on_channel_over(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        message = error.message if isinstance(error, Unauthenticated) else str(error)
        if self._was_up:
            self._say("refused", message=message)
        else:
            self.endpoint.end(EndCode.CLOSED, message)

    def _on_message(self, message: FromGateway) -> None:
        match message:
            case PathsOffered(paths=paths):
                if self.endpoint.offer(paths):
                    self._say("paths", nodes=[path.node or path.host for path in paths])
            case SessionClosed(message=text):
                self._by_site = True
                self.endpoint.end(EndCode.CLOSED, text or "closed")
            case RequestRefused(message=text):
                self._say("refused", message=text)
            case SessionReported(representative=representative):
                self._on_representative(representative)

    def _on_representative(self, representative: str) -> None:
        """A customer in a queue hears that they wait, and once who takes the session."""
        is_queued = self._part.words is None and self._part.side is Side.CUSTOMER
        if is_queued and representative != self._waits_for:
            self._waits_for = representative
            if representative:
                self._say("accepted", representative=representative)
            else:
                self._say("waiting")

    def _on_secured(self, code: str) -> None:
        if code:
            self._say("compare", code=code)
            self.on_code(code)
        else:
            self._say("secured")

    def _on_path_failed(self, generation: PathGeneration, reason: str) -> None:
        """A path is dialled again and again; each reason why it failed is told once."""
        if (generation, reason) not in self._failed:
            self._failed.add((generation, reason))
            node = self.endpoint.node_of(generation)
            self._say("path_failed", node=node, generation=generation, reason=reason)

    def _on_fact(self, fact: PathEffect) -> None:
        match fact:
            case Secured(code):
                self._was_secured = True
                self._on_secured(code)
            case WordsDiffer(run, allowed):
                self._say("words_differ", attempt=run, of=allowed)
            case SecretUnknown():
                self._say("secret_unknown")
            case PathUp(generation, _, seconds):
                node = self.endpoint.node_of(generation)
                event = "resumed" if self._was_up else "connected"
                self._was_up = True
                self.on_node(node)
                self._say(event, node=node, generation=generation, seconds=round(seconds, 3))
            case PathLost(generation):
                node = self.endpoint.node_of(generation)
                self._say("path_lost", node=node, generation=generation)
            case Ended(code, message, by_peer):
                self._say("closed", code=code.value, message=message, by_peer=by_peer)


@contextlib.asynccontextmanager
async def _interrupts(close: Callable[[str], None]) -> AsyncGenerator[None]:
    """An interrupt closes in good order; the second one breaks off."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "a session runs in a task"
    seen = 0

    def interrupted() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            close("closed by its user")
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
