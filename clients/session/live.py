"""Runs one end of a session, from its credentials to its end: tunnel, control channel, narration.

The session is over when the tunnel ends, or when the site closes it. An end that leaves closes the
tunnel first and then notifies the site, so that the site's own close cuts off no byte. An end that
cannot go on while another program could take its place only leaves.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from clients.endpoint.endpoint import (
    ClosableStreamHandler,
    Endpoint,
    EndpointCallbacks,
    break_streams,
)
from clients.endpoint.outage import GaveUp, OtherSideLost, Outage, OutageEffect, StreamsFailed
from clients.session.channel import ControlChannel
from clients.session.ending import SessionEnding
from clients.session.lifetime import Lifetime, LifetimeNews
from clients.session.narration import Narrator
from clients.session.outage_watch import OutageWatch
from clients.session.path_news import PathNews
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
from clients.tunnel.streams import STREAMS_AT_ONCE
from shared.api.channel import (
    FromGateway,
    PathsOffered,
    RequestRefused,
    SessionClosed,
    SessionReported,
)
from shared.api.sessions import SessionCredentials
from shared.domain.errors import AlreadyConnected, MeridianError
from shared.domain.node import Side
from shared.domain.path import Path
from shared.domain.session import CloseReason

CLOSE_SECONDS: Final = 2.0
"""How long the site may take to accept the notice that the session is over."""

_REASONS: Final = {
    EndCode.CLOSED: CloseReason.CLOSED_BY_ENDPOINT,
    EndCode.KEY_BURNT: CloseReason.KEY_BURNT,
    EndCode.BAD_OFFSET: CloseReason.PROTOCOL_ERROR,
    EndCode.BAD_STREAM: CloseReason.PROTOCOL_ERROR,
    EndCode.EXPIRED: CloseReason.EXPIRED,
}
"""What ends the session for both ends; a mistyped key ends it only for the end that typed it."""

WAIT_SECONDS: Final = 30.0
"""How long an end without a path keeps open streams, and looks for relays."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One end of a session and its credentials; a session from a queue has no *words*."""

    side: Side
    words: str | None
    credentials: SessionCredentials
    tls: ssl.SSLContext | None
    wait_seconds: float = WAIT_SECONDS


class LiveSession:
    """One end of a session while it runs; it narrates what happens, streams included."""

    def __init__(self, participant: Participant, narrate: Narrator) -> None:
        self._participant = participant
        self._narrate = narrate
        self._was_secured = False
        self._ended_by_site = asyncio.Event()
        self._site_reason: CloseReason | None = None
        self._open_streams = 0
        self._representative: str | None = None
        self._refusal = ""
        self.on_code: Callable[[str], None] = lambda _: None
        self.on_node: Callable[[str], None] = lambda _: None
        self.on_ready: Callable[[], None] = lambda: None
        self.stream_failure: str | None = None
        lifetime = Lifetime.until(participant.credentials.expires_unix_ms)
        self._lifetime = LifetimeNews(lifetime, narrate)
        credentials = Credentials(participant.credentials.session, participant.words)
        self._channel = ControlChannel(participant.credentials, participant.tls, self._on_message)
        self._outage = OutageWatch(
            Outage(participant.wait_seconds),
            self._on_outage,
            lambda: self._channel.is_connected,
        )
        callbacks = EndpointCallbacks(
            self._on_fact,
            self._channel.request_paths,
            self._channel.report_node,
            self._on_path_failed,
            self._outage.relay_waits,
        )
        self.endpoint = Endpoint(participant.side, credentials, callbacks)
        self._news = PathNews(narrate, self.endpoint.node_of)

    async def run(self, handler: ClosableStreamHandler) -> None:
        """Carry the session until it is over; *handler* gets its streams.

        Raises:
            Rejected: it ended by anything but a close.
            SessionEnded: the site closed it before the two ends had met, or it was cut off.
            Unauthenticated: the site refuses this end, and there is no tunnel yet.
            AlreadyConnected: another program is connected as this end.
        """
        self.endpoint.stream_handler = handler
        if self._participant.side is Side.REPRESENTATIVE:
            self._narrate("waiting_for_customer")
        async with self._lifetime.running(), self._control_channel():
            ended = await self.endpoint.ended
            self._outage.stop()
            handler.close()
            await self._say_goodbye(ended)
        self._require_good_end(ended)

    def on_stream_opened(self, stream: StreamId) -> None:
        self._narrate("stream_opened", stream=stream)

    def on_streams_refused(self, count: int) -> None:
        if self._outage.refuses_streams:
            self._narrate("streams_refused_now", count=count)
        else:
            self._narrate("streams_refused", count=count, limit=STREAMS_AT_ONCE)

    def on_stream_broken(self, stream: StreamId, reason: str) -> None:
        self.stream_failure = reason
        self._narrate("stream_broken", stream=stream, reason=reason)

    async def _say_goodbye(self, ended: Ended) -> None:
        """Notify the site: the session is over for both ends, or it waits for another program."""
        if ended.by_peer and self._open_streams:  # on whose account, says the site
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._ended_by_site.wait()
        if self._ended_by_site.is_set():
            return
        reason = _REASONS.get(ended.code)
        if ended.code is EndCode.OUT_OF_REACH and self._was_secured:
            reason = CloseReason.OTHER
        if reason is None:
            await self._channel.say_goodbye(ended.message, CLOSE_SECONDS)
        else:
            await self._channel.close(reason, ended.message, CLOSE_SECONDS)

    def _require_good_end(self, ended: Ended) -> None:
        """Raise an error unless the session came to a good end."""
        fault = SessionEnding(
            session=self._participant.credentials.session,
            side=self._participant.side,
            ended=ended,
            was_secured=self._was_secured,
            open_streams=self._open_streams,
            was_closed=self._ended_by_site.is_set(),
            reason=self._site_reason,
        ).find_fault()
        if fault is not None:
            raise fault

    @contextlib.asynccontextmanager
    async def _control_channel(self) -> AsyncGenerator[None]:
        """Run the control channel; its refusal ends a session that has no tunnel yet."""
        task = asyncio.create_task(self._channel.run())
        task.add_done_callback(self._on_channel_closed)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not self._news.was_up and not task.cancelled() and task.exception() is not None:
            await task

    def _on_channel_closed(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        message = error.message if isinstance(error, MeridianError) else str(error)
        if self._news.was_up:
            self._narrate("refused", message=message)
        else:
            self._ended_by_site.set()
            self.endpoint.end(EndCode.CLOSED, message)

    def _on_message(self, message: FromGateway) -> None:
        match message:
            case PathsOffered(paths=paths):
                if self.endpoint.offer(paths):
                    self._news.on_paths(paths)
            case SessionClosed(reason=reason, message=text):
                self._site_reason = reason
                self._ended_by_site.set()
                self.endpoint.end(EndCode.CLOSED, text or "closed")
            case RequestRefused():
                self._on_refused(message)
            case SessionReported(representative=representative):
                self._on_representative(representative)

    def _on_refused(self, refused: RequestRefused) -> None:
        """Narrate a refusal once; that of this program's place is the end, and said by that."""
        if refused.message != self._refusal and refused.code != AlreadyConnected.code:
            self._narrate("refused", message=refused.message)
        self._refusal = refused.message

    def _on_representative(self, representative: str) -> None:
        """Narrate to a customer in a queue that they wait, and then who takes the session."""
        participant = self._participant
        is_queued = participant.words is None and participant.side is Side.CUSTOMER
        if is_queued and representative != self._representative:
            self._representative = representative
            if representative:
                self._narrate("accepted", representative=representative)
            else:
                self._narrate("waiting")

    def _on_secured(self, code: str) -> None:
        self._was_secured = True
        if code:
            self._narrate("compare", code=code)
            self.on_code(code)
        else:
            self._narrate("secured")

    def _on_path_failed(self, path: Path, reason: str) -> None:
        self._news.on_failed(path, reason)
        self._outage.relay_failed(path, reason)

    def _on_outage(self, effect: OutageEffect) -> None:
        match effect:
            case OtherSideLost(wait_seconds):
                self._narrate("other_side_lost", wait_seconds=wait_seconds)
            case StreamsFailed(reason):
                self._narrate("waited_in_vain", reason=reason)
                break_streams(self.endpoint, reason)
            case GaveUp(message):
                self.endpoint.end(EndCode.OUT_OF_REACH, message)
        self.endpoint.streams.takes_new = not self._outage.refuses_streams

    def _on_fact(self, fact: PathEffect) -> None:
        match fact:
            case Secured(code):
                self._on_secured(code)
            case WordsDiffer(run, allowed):
                self._narrate("words_differ", attempt=run, of=allowed)
            case SecretUnknown():
                self._news.on_secret_unknown()
            case PathUp():
                self._on_up(fact)
            case PathLost():
                self._news.on_lost(fact)
                self._outage.path_lost()
            case Ended(code, message, by_peer):
                self._open_streams = len(self.endpoint.streams)
                self._narrate("closed", code=code.value, message=message, by_peer=by_peer)

    def _on_up(self, up: PathUp) -> None:
        is_first = not self._news.was_up
        self._outage.path_up()
        self.endpoint.streams.takes_new = True
        self._news.on_up(up)
        self.on_node(self.endpoint.node_of(up.generation))
        if is_first:
            self.on_ready()
