"""Sessions as the gateway carries them out: open or arrive, join or accept, place, close.

Each step is a decision of `core.session` written by compare-and-set. Placement asks a node
selector with both ends' facts once both are there; tickets are made here, for the side
that asks, from the paths in the state.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from services.gateway.core.news import session_news
from services.gateway.core.question import question_of, reasons
from services.gateway.core.session import (
    Arrival,
    Opening,
    Taker,
    accepted,
    arrived,
    closed,
    joined,
    needs_placement,
    opened,
    placed,
)
from services.gateway.core.shared_path import Found, given_up, named, shared_out
from services.gateway.store import SessionStore
from shared.crypto.keyring import KeyRing
from shared.crypto.tickets import issue_probe_ticket, issue_ticket
from shared.documents.selection import SelectionPolicy
from shared.documents.site import SessionLimits
from shared.domain.errors import AlreadyExists, Unavailable
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.path import Path
from shared.domain.session import CloseReason
from shared.domain.ticket import Ticket, TicketLimits
from shared.events.relay import CloseSession
from shared.events.selection import ClientFacts, NodesSelected
from shared.events.session import PathOffer, Queued, SessionState, SharedPath
from shared.messaging.ports import Asks, Emits
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment

NAMEPLATE_DIGITS: Final = 7
NAMEPLATE_TRIES: Final = 8
SELECT_SECONDS: Final = 4.0
SELECT_ATTEMPT_SECONDS: Final = 1.5
CLOSE_PAUSE_SECONDS: Final = 1.0


First = Callable[[SessionId, UnixMillis, UnixMillis], SessionState]
"""Makes a session's first state of its nameplate, its end and now."""

Step = Callable[[SessionState, UnixMillis], SessionState]
"""Makes the next state of the last one and now."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What sessions need of the rest of the gateway."""

    store: SessionStore
    publisher: Asks
    events: Emits
    keyring: KeyRing
    clock: Clock
    containment: Containment


class Sessions:
    """The steps of a session's life."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, taker: Taker, limits: SessionLimits) -> SessionState:
        """A new session of *taker* under a nameplate that nobody used.

        Raises:
            AlreadyExists: the nameplates drawn were all taken.
            Unavailable: the sessions' log did not answer.
        """

        def first(session: SessionId, expires: UnixMillis, now: UnixMillis) -> SessionState:
            opening = Opening(session, taker.representative, taker.facts, expires, taker.pin)
            return opened(opening, now)

        return await self._create(first, limits)

    async def arrive(
        self, queued: Queued, facts: ClientFacts, limits: SessionLimits
    ) -> SessionState:
        """A customer comes to a team's queue; the errors are those of `open`."""

        def first(session: SessionId, expires: UnixMillis, now: UnixMillis) -> SessionState:
            return arrived(Arrival(session, queued, facts, expires), now)

        return await self._create(first, limits)

    async def accept(
        self,
        session: SessionId,
        taker: Taker,
        require: Callable[[Queued], None],
    ) -> SessionState:
        """*taker* takes a customer out of a queue; both ends get their paths.

        Raises:
            Forbidden: *require* says that the queue is not theirs.
            NotFound: no such session waits in a queue.
            AlreadyTaken: somebody else was faster.
            SessionEnded: the customer left, or waited too long.
            NoTrafficNode: nobody may carry it now; the customer still waits.
        """

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            if state.queued is not None:
                require(state.queued)
            return accepted(state, taker, now)

        return await self._change(session, step, lost=False)

    async def join(self, session: SessionId, facts: ClientFacts) -> SessionState:
        """The customer arrives; both ends get their paths.

        Raises:
            NotFound: there is no such session.
            SessionEnded: it is over.
            NoTrafficNode: nobody may carry it now.
        """

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            return joined(state, facts, now)

        return await self._change(session, step, lost=False)

    async def place_again(self, session: SessionId) -> SessionState:
        """An end lost every path: more are added, unless the other end asked just before."""
        return await self._change(session, given_up, lost=True)

    async def name_node(self, session: SessionId, found: Found) -> SessionState:
        """The shared address led the first end to the node that it *found*: both ends go there.

        Raises:
            SessionEnded: the session is over.
        """

        async def decide(state: SessionState) -> SessionState:
            return named(state, found, self._desk.clock.unix_ms())

        return await self._written(session, decide)

    async def close(self, session: SessionId, reason: CloseReason, message: str) -> SessionState:
        """End the session, here and at every relay that its tickets name."""

        async def decide(state: SessionState) -> SessionState:
            return closed(state, reason, message)

        after = await self._written(session, decide)
        for node in {path.node for path in after.paths}:
            close = partial(self._close_at, node, after)
            self._desk.containment.keep("close", f"{after.session} at {node}", close)
        return after

    def paths(self, state: SessionState, side: Side, limits: SessionLimits) -> tuple[Path, ...]:
        """The session's paths with tickets for *side*, in the order of their choice."""
        allowed = TicketLimits(limits.bytes_per_second, limits.idle_seconds)
        expires = UnixMillis(state.expires_unix_ms)

        def path(node: NodeId | None, way: PathOffer | SharedPath) -> Path:
            ticket = Ticket(state.session, side, node, way.generation, expires, allowed)
            text = issue_ticket(self._desk.keyring.current, ticket)
            return Path(node, way.host, way.port, way.generation, text)

        shared = state.shared_path
        mine = () if shared is None or shared.first is not side else (path(None, shared),)
        return (*mine, *(path(offer.node, offer) for offer in state.paths))

    def probe_ticket(self) -> str:
        """Leave to measure the site's relays for some minutes."""
        return issue_probe_ticket(self._desk.keyring.current, self._desk.clock.unix_ms())

    async def _create(self, first: First, limits: SessionLimits) -> SessionState:
        """Write a *first* state under a nameplate that nobody used."""
        now = self._desk.clock.unix_ms()
        expires = UnixMillis(now + limits.ticket_lifetime_seconds * 1000)
        for _ in range(NAMEPLATE_TRIES):
            state = first(SessionId(_nameplate()), expires, now)
            if await self._desk.store.create(state):
                self._tell(None, state)
                return state
        raise AlreadyExists("no free nameplate was found; try again")

    async def _change(self, session: SessionId, step: Step, *, lost: bool) -> SessionState:
        async def decide(state: SessionState) -> SessionState:
            now = self._desk.clock.unix_ms()
            state = step(state, now)
            if not needs_placement(state, now, lost=lost):
                return state
            chosen = await self._select(state, now)
            after = placed(state, chosen.choices, reasons(chosen), now)
            if chosen.shared is None or state.placed_unix_ms:
                return after
            return shared_out(state, after, chosen.shared, _first_end(chosen))

        return await self._written(session, decide)

    async def _written(
        self, session: SessionId, decide: Callable[[SessionState], Awaitable[SessionState]]
    ) -> SessionState:
        """Write what *decide* makes of the state, and tell what came of it."""
        seen: SessionState | None = None

        async def noting(state: SessionState) -> SessionState:
            nonlocal seen
            seen = state
            return await decide(state)

        after = await self._desk.store.change(session, noting)
        self._tell(seen, after)
        return after

    def _tell(self, before: SessionState | None, after: SessionState) -> None:
        news = session_news(before, after)
        if news is not None:
            self._desk.events.emit(news)

    async def _select(self, state: SessionState, now: UnixMillis) -> NodesSelected:
        question = question_of(state, now)
        return await self._desk.publisher.ask(
            question, timeout_seconds=SELECT_SECONDS, attempt_seconds=SELECT_ATTEMPT_SECONDS
        )

    async def _close_at(self, node: NodeId, state: SessionState) -> None:
        order = CloseSession(node=node, session=state.session, until_unix_ms=state.expires_unix_ms)
        while self._desk.clock.unix_ms() < state.expires_unix_ms:
            try:
                await self._desk.publisher.ask(order, timeout_seconds=SELECT_SECONDS)
            except Unavailable:
                await asyncio.sleep(CLOSE_PAUSE_SECONDS)
            else:
                return


def _first_end(chosen: NodesSelected) -> Side:
    """Whose way to the node is made short: that end finds it."""
    is_theirs = chosen.policy == SelectionPolicy.REPRESENTATIVE
    return Side.REPRESENTATIVE if is_theirs else Side.CUSTOMER


def _nameplate() -> str:
    first = secrets.choice("123456789")
    return first + "".join(secrets.choice("0123456789") for _ in range(NAMEPLATE_DIGITS - 1))
