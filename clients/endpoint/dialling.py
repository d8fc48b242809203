"""Dials relays: connects, exchanges HELLO and READY, and dials again when refused.

A path is dialled again and again while no path carries, the lost one included. The pause between
tries doubles up to that of `REDIALLING`; a relay that refuses may name another pause. A path by
the address that all relays share may become one node's path meanwhile, so each try looks it up.

A link that is lost within `STEADY_SECONDS` counts as a failure like one that never came up: two
programs that take each other's place at a relay do so ever more slowly.

Whatever goes wrong with one path, even a host name that no resolver accepts, is a failed try of
that path with a reason. It does not stop the dialling of other paths.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, cast

from clients.clock import now
from clients.tunnel.effects import LinkId
from shared.domain.backoff import Backoff
from shared.domain.containment import cause_of, describe_error, ends_process
from shared.domain.path import Path
from shared.wire.dialling import (
    SHORTEST_PAUSE_SECONDS,
    Answer,
    HelloExchange,
    PathReady,
    PathRefused,
    PathWaiting,
)

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
"""How long a relay may take to answer HELLO."""

WAITING_SECONDS: Final = 75.0
"""A relay ends a wait after 60 s; one that does not is gone without a sign."""

STEADY_SECONDS: Final = 10.0
REDIALLING: Final = Backoff(SHORTEST_PAUSE_SECONDS, longest_seconds=2.0)
TRIES_BESIDE_A_PATH: Final = 5
"""While another path carries, a new one is given up after this many failures."""

HIGH_WATER_BYTES: Final = 1024 * 1024
"""The link's own send buffer; more waits in the tunnel, where streams take turns."""


class LinkOwner(Protocol):
    """The owner of the links: it is notified of everything that happens to them."""

    def on_waiting(self, link: "RelayLink") -> None: ...

    def on_ready(self, link: "RelayLink", leftover: bytes) -> None: ...

    def on_bytes(self, link: "RelayLink", data: bytes) -> None: ...

    def on_blocked(self, link: "RelayLink", *, blocked: bool) -> None: ...

    def on_lost(self, link: "RelayLink") -> None: ...


@dataclass(frozen=True, slots=True)
class DialOutcome:
    """The end of a dial: READY or not; with the relay's own pause, if it named one.

    *reason* says why this end does not wait at a relay; it is empty when one let it wait.
    *carried_seconds* is how long the link was READY.
    """

    is_ready: bool
    pause_seconds: float | None = None
    reason: str = ""
    carried_seconds: float = 0.0

    def failures_after(self, failures: int) -> int:
        """Return how many dials in a row have failed, where *failures* did before this one."""
        return 0 if self.carried_seconds >= STEADY_SECONDS else failures + 1


class RelayLink(asyncio.Protocol):
    """One connection to a relay, from HELLO to its end."""

    def __init__(self, link_id: LinkId, path: Path, owner: LinkOwner) -> None:
        loop = asyncio.get_running_loop()
        self.id = link_id
        self.path = path
        self.outcome: asyncio.Future[DialOutcome] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._owner = owner
        self._exchange = HelloExchange(path.ticket)
        self.node = path.node
        self.is_waiting = False
        self._is_ready = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        connection = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.write(self._exchange.hello())

    def data_received(self, data: bytes) -> None:
        if self._is_ready:
            self._owner.on_bytes(self, data)
            return
        for answer in self._exchange.receive(data):
            self._on_answer(answer)

    def pause_writing(self) -> None:
        self._owner.on_blocked(self, blocked=True)

    def resume_writing(self) -> None:
        self._owner.on_blocked(self, blocked=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (every end is a lost path)
        self.is_waiting = False
        reason = "" if self.answered.done() else "it closed the connection without an answer"
        self._set_outcome(DialOutcome(is_ready=False, reason=reason))
        if not self.closed.done():
            self.closed.set_result(None)
        if self._is_ready:
            self._owner.on_lost(self)

    def send(self, data: bytes | bytearray) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection after everything that was sent."""
        if self._transport is not None:
            self._transport.close()

    def abandon(self) -> None:
        """Abort the connection, unless it became READY: then it belongs to its owner."""
        if self._transport is not None and not self._is_ready:
            self._transport.abort()

    def _on_answer(self, answer: Answer) -> None:
        if not self.answered.done():
            self.answered.set_result(None)
        match answer:
            case PathWaiting(node):
                self.node, self.is_waiting = node, True
                self._owner.on_waiting(self)
            case PathReady(node, leftover):
                self.node, self.is_waiting, self._is_ready = node, False, True
                self._set_outcome(DialOutcome(is_ready=True))
                self._owner.on_ready(self, leftover)
            case PathRefused(pause_seconds, reason):
                self._set_outcome(DialOutcome(False, pause_seconds, reason))
                self.close()

    def _set_outcome(self, outcome: DialOutcome) -> None:
        if not self.answered.done():
            self.answered.set_result(None)
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Dialler:
    """Dials one path until cancelled, or until it failed too often while another path carries."""

    def __init__(
        self,
        find_path: Callable[[], Path],
        make_link: Callable[[Path], RelayLink],
        on_unreachable: Callable[[Path, str], None],
        is_needed: Callable[[], bool],
    ) -> None:
        self._find_path = find_path
        self._make_link = make_link
        self._on_unreachable = on_unreachable
        self._is_needed = is_needed

    async def run(self) -> None:
        failures = 0
        while self._is_needed() or failures < TRIES_BESIDE_A_PATH:
            outcome = await self._dial()
            if not outcome.is_ready:
                self._on_unreachable(self._find_path(), outcome.reason)
            pause = outcome.pause_seconds
            if pause is None:
                pause = REDIALLING.pause_seconds(failures + 1)
            failures = outcome.failures_after(failures)
            await asyncio.sleep(pause)

    async def _dial(self) -> DialOutcome:
        """Make one connection, and wait until it has ended."""
        loop = asyncio.get_running_loop()
        path = self._find_path()
        link = self._make_link(path)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: link, path.host, path.port)
            outcome = await _outcome_of(link)
        except asyncio.CancelledError:
            link.abandon()
            raise
        except Exception as error:
            link.abandon()
            if ends_process(error):
                raise
            return DialOutcome(is_ready=False, reason=_describe_error(error))
        if outcome.is_ready:
            began = now()
            await asyncio.shield(link.closed)
            return replace(outcome, carried_seconds=now() - began)
        return outcome


async def _outcome_of(link: RelayLink) -> DialOutcome:
    """Wait until the relay behind *link* carries it or refuses it; it must answer before long."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.shield(link.answered)
        async with asyncio.timeout(WAITING_SECONDS):
            return await asyncio.shield(link.outcome)
    except TimeoutError:
        link.abandon()
        silence = f"no answer within {ANSWER_SECONDS:g} s"
        return DialOutcome(False, reason="it went silent" if link.is_waiting else silence)


def _describe_error(error: Exception) -> str:
    """Describe why a relay was not reached, in words for a person."""
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, UnicodeError):
        return f"its address is no host name: {error}"
    if isinstance(error, socket.gaierror):
        return error.strerror or describe_error(error)
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else describe_error(error)
    return cause_of(error)
