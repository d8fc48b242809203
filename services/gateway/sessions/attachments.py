"""Keeps which programs are connected to this gateway, and records that in the sessions' states.

A side of a session belongs to one program (`core.attachment`), wherever it is connected. **A
program that is known already never waits for the sessions' log**: it gets its paths at once, and
the record follows. What could not be recorded while the log had no leader is recorded by
`reconcile`.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from services.gateway.sessions.core.attachment import (
    Program,
    attach,
    detach,
    require_free,
    say_goodbye,
    without_orphans,
)
from services.gateway.sessions.sessions import Sessions
from shared.domain.errors import AlreadyConnected, MeridianError, Reserved
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.session import Attachment, SessionState
from shared.runtime.containment import Containment, ignore_fault


@dataclass(frozen=True, slots=True)
class Held:
    """One session's side, and the program that holds it."""

    session: SessionId
    by: Program


class Attachments:
    """The programs that are connected to the gateway on *node*."""

    def __init__(self, node: NodeId, sessions: Sessions, containment: Containment) -> None:
        self._node = node
        self._sessions = sessions
        self._containment = containment
        self._channels: Counter[Held] = Counter()
        self._log = logging.getLogger("meridian.sessions")

    def program(self, side: Side, endpoint: str) -> Program:
        """Return the program *endpoint* at *side*, as connected to this gateway."""
        return Program(side, endpoint, self._node)

    async def attach(self, held: Held) -> None:
        """Let a program hold its side, by one more control channel to this gateway.

        Raises:
            AlreadyConnected: another program is connected, here or at another gateway.
            Reserved: another program was, until a moment ago.
        """
        known = self._sessions.view.get(held.session)
        if known is not None:
            require_free(known, held.by, self._sessions.clock.unix_ms())
        self._channels[held] += 1
        attached = None if known is None else known.attached.get(held.by.side)
        if attached is not None and attached.endpoint == held.by.endpoint:
            self._start("attach", held)
            return
        try:
            await self._record(held)
        except (AlreadyConnected, Reserved):
            self._remove(held)
            raise

    def detach(self, held: Held) -> None:
        """Take one control channel away; without another one the program's connection is lost."""
        self._remove(held)
        if not self._channels[held]:
            self._start("detach", held)

    async def say_goodbye(self, held: Held, message: str) -> None:
        """Record that the program said good-bye; the errors are those of `Sessions.apply`."""

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            return say_goodbye(state, held.by, message, now)

        after = await self._sessions.apply(held.session, step)
        if after.phase is SessionPhase.CLOSED:
            self._sessions.relays.start(after)

    async def reconcile(self, is_alive: Callable[[NodeId], bool]) -> None:
        """Record the programs here that are not recorded, and the orphans of dead gateways."""
        for state in self._sessions.view.all():
            await self._record_orphans(state, is_alive)
        for held in [each for each, count in self._channels.items() if count]:
            last = self._sessions.view.get(held.session)
            if last is not None and not _is_recorded(last, held):
                await self._try_record(held)

    async def _record_orphans(self, seen: SessionState, is_alive: Callable[[NodeId], bool]) -> None:
        """Record which programs of a session are not connected any more, if there are some."""

        def is_held(side: Side, each: Attachment) -> bool:
            if each.gateway != self._node:
                return is_alive(each.gateway)
            return bool(self._channels[Held(seen.session, self.program(side, each.endpoint))])

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            return without_orphans(state, is_held, now)

        if step(seen, self._sessions.clock.unix_ms()) != seen:
            await self._try(seen.session, step)

    async def _try_record(self, held: Held) -> None:
        try:
            await self._record(held)
        except (AlreadyConnected, Reserved) as error:
            self._log.info("session %s: %s", held.session, error.message)

    async def _record(self, held: Held) -> None:
        """Write whether the program is connected here; without the log it is written later.

        Raises:
            AlreadyConnected: another program is connected.
            Reserved: another program was, until a moment ago.
        """

        def step(state: SessionState, now: UnixMillis) -> SessionState:
            record = attach if self._channels[held] else detach
            return record(state, held.by, now)

        await self._try(held.session, step)

    async def _try(
        self, session: SessionId, step: Callable[[SessionState, UnixMillis], SessionState]
    ) -> None:
        try:
            await self._sessions.apply(session, step)
        except (AlreadyConnected, Reserved):
            raise
        except MeridianError as error:
            self._log.debug("session %s: not recorded: %s", session, error.message)

    def _start(self, kind: str, held: Held) -> None:
        """Record in the background how the program is connected by then."""
        work = self._try_record(held)
        self._containment.start(kind, held.session, work, ignore_fault)

    def _remove(self, held: Held) -> None:
        self._channels[held] -= 1
        if self._channels[held] <= 0:
            del self._channels[held]


def _is_recorded(state: SessionState, held: Held) -> bool:
    attached = state.attached.get(held.by.side)
    if state.phase is SessionPhase.CLOSED:
        return True
    return (
        attached is not None
        and (attached.endpoint, attached.gateway) == (held.by.endpoint, held.by.gateway)
        and attached.left_unix_ms is None
    )
