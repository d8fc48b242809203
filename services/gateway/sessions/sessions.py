"""Carries out the steps of sessions: open or arrive, join or accept, place, close.

Each step is a decision of `core.session`, written by compare-and-set. Once both ends are there, a
node selector is asked with the facts of both, and its answer becomes the session's paths.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from services.gateway.placement.selector import SelectorClient
from services.gateway.sessions.core.attachment import require_unheld
from services.gateway.sessions.core.news import describe_change
from services.gateway.sessions.core.question import build_question, summarise_reasons
from services.gateway.sessions.core.session import (
    Arrival,
    Opening,
    Representative,
    accept_customer,
    add_paths,
    close_session,
    join_customer,
    needs_placement,
    open_session,
    queue_session,
)
from services.gateway.sessions.core.shared_path import (
    reached_node,
    with_named_node,
    with_shared_path,
    without_shared_path,
)
from services.gateway.sessions.relay_closing import RelayClosing
from services.gateway.sessions.store import SessionStore
from services.gateway.sessions.view import SessionsView
from shared.documents.selection import SelectionPolicy
from shared.domain.errors import AlreadyExists
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import CloseReason
from shared.events.selection import ClientFacts, NodesSelected
from shared.events.session import Queued, SessionState
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory

NAMEPLATE_DIGITS: Final = 7
NAMEPLATE_TRIES: Final = 8

First = Callable[[SessionId, UnixMillis, UnixMillis], SessionState]
"""Makes a session's first state of its nameplate, its end and now."""

Step = Callable[[SessionState, UnixMillis], SessionState]
"""Makes the next state of the last one and now."""


@dataclass(frozen=True)
class Sessions:
    """The steps of a session's life; each one is written, emitted, and shown in the view."""

    store: SessionStore
    view: SessionsView
    selector: SelectorClient
    relays: RelayClosing
    events: Emits
    directory: Directory
    clock: Clock

    async def open(self, by: Representative) -> SessionState:
        """Open a session of *by* under a nameplate that nobody used.

        Raises:
            AlreadyExists: all nameplates that were drawn are in use.
            Unavailable: the sessions' log did not answer, or the site's settings are not read yet.
        """

        def first(session: SessionId, expires: UnixMillis, now: UnixMillis) -> SessionState:
            opening = Opening(session, by.user, by.facts, expires, by.pin)
            return open_session(opening, now)

        return await self._create(first)

    async def arrive(self, queued: Queued, facts: ClientFacts) -> SessionState:
        """Put a customer into a team's queue; the errors are those of `open`."""

        def first(session: SessionId, expires: UnixMillis, now: UnixMillis) -> SessionState:
            return queue_session(Arrival(session, queued, facts, expires), now)

        return await self._create(first)

    async def accept(
        self,
        session: SessionId,
        by: Representative,
        require: Callable[[Queued], None],
    ) -> SessionState:
        """Let *by* accept a customer in a queue; both ends get their paths.

        Raises:
            Forbidden: *require* says that the queue is not theirs.
            NotFound: no such session waits in a queue.
            AlreadyTaken: another representative was faster.
            SessionEnded: the customer left, or waited too long.
            NoTrafficNode: nobody may carry it now; the customer still waits.
        """

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            if state.queued is not None:
                require(state.queued)
            return accept_customer(state, by, now)

        return await self._change(session, step, lost=False)

    async def join(self, session: SessionId, facts: ClientFacts) -> SessionState:
        """Let the customer in; both ends get their paths.

        Raises:
            NotFound: there is no such session.
            SessionEnded: it is over.
            AlreadyConnected: another customer is connected.
            NoTrafficNode: nobody may carry it now.
        """

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            after = join_customer(state, facts, now)
            require_unheld(state, Side.CUSTOMER)
            return after

        return await self._change(session, step, lost=False)

    async def place_again(self, session: SessionId) -> SessionState:
        """Add paths for an end that lost all of them, unless the other end asked just before."""
        return await self._change(session, without_shared_path, lost=True)

    async def name_node(
        self, session: SessionId, side: Side, generation: PathGeneration, node: NodeId
    ) -> SessionState:
        """Lead both ends to the *node* that the end at *side* reached by the shared address.

        Raises:
            NotFound: the site has no such relay.
            SessionEnded: the session is over.
        """
        reached = reached_node(self.directory.nodes, side, generation, node)

        async def decide(state: SessionState) -> SessionState:
            return with_named_node(state, reached, self.clock.unix_ms())

        return await self._write(session, decide)

    async def close(self, session: SessionId, reason: CloseReason, message: str) -> SessionState:
        """End the session, here and at every relay that its tickets name.

        *message* tells people why.
        """

        async def decide(state: SessionState) -> SessionState:
            return close_session(state, reason, message)

        after = await self._write(session, decide)
        self.relays.start(after)
        return after

    async def apply(self, session: SessionId, step: Step) -> SessionState:
        """Write what *step* makes of the session's state, which chooses no paths.

        Raises:
            NotFound: there is no such session.
            Unavailable: the sessions' log did not answer.
            MeridianError: *step* refuses.
        """

        async def decide(state: SessionState) -> SessionState:
            return step(state, self.clock.unix_ms())

        return await self._write(session, decide)

    async def _create(self, first: First) -> SessionState:
        """Write a *first* state under a nameplate that nobody used."""
        limits = self.directory.require_site().session
        now = self.clock.unix_ms()
        expires = UnixMillis(now + limits.ticket_lifetime_seconds * 1000)
        for _ in range(NAMEPLATE_TRIES):
            state = first(SessionId(_nameplate()), expires, now)
            if await self.store.create(state):
                self._publish(None, state)
                return state
        raise AlreadyExists("no free nameplate was found; try again")

    async def _change(self, session: SessionId, step: Step, *, lost: bool) -> SessionState:
        async def decide(state: SessionState) -> SessionState:
            now = self.clock.unix_ms()
            state = step(state, now)
            if not needs_placement(state, now, lost=lost):
                return state
            chosen = await self.selector.select(build_question(state, now))
            after = add_paths(state, chosen.choices, summarise_reasons(chosen), now)
            if chosen.shared is None or state.placed_unix_ms:
                return after
            return with_shared_path(state, after, chosen.shared, _first_end(chosen))

        return await self._write(session, decide)

    async def _write(
        self, session: SessionId, decide: Callable[[SessionState], Awaitable[SessionState]]
    ) -> SessionState:
        """Write what *decide* makes of the state, and publish what came of it."""
        seen: SessionState | None = None

        async def decide_and_keep(state: SessionState) -> SessionState:
            nonlocal seen
            seen = state
            return await decide(state)

        after = await self.store.change(session, decide_and_keep)
        self._publish(seen, after)
        return after

    def _publish(self, before: SessionState | None, after: SessionState) -> None:
        """Show *after* in the view, also where nothing changed, and emit what is new in it."""
        self.view.update(after)
        news = describe_change(before, after)
        if news is not None:
            self.events.emit(news)


def _first_end(chosen: NodesSelected) -> Side:
    """Return the end whose way to the node is to be short: it gets the shared address."""
    is_theirs = chosen.policy == SelectionPolicy.REPRESENTATIVE
    return Side.REPRESENTATIVE if is_theirs else Side.CUSTOMER


def _nameplate() -> str:
    first = secrets.choice("123456789")
    return first + "".join(secrets.choice("0123456789") for _ in range(NAMEPLATE_DIGITS - 1))
