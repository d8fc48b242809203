"""Lets sessions follow their ends: closes what is over, and forgets closed ones after a week.

`core.attachment` decides; the reaper brings the facts. Before it treats ends as gone it reads what
the relays reported of the session, since a pair that runs needs no control channel.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.gateway.sessions.attachments import Attachments
from services.gateway.sessions.core.attachment import Circumstances, is_carried, reaped
from services.gateway.sessions.sessions import Sessions
from shared.domain.errors import MeridianError
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.session import SessionPhase
from shared.events.session import SessionState
from shared.messaging.streams import WEEK_SECONDS
from shared.runtime.directory import Directory

SWEEP_SECONDS: Final = 15.0
RECHECK_MS: Final = 120_000
"""So long a session counts as carried before its facts are read again."""

REMEMBERED_MS: Final = WEEK_SECONDS * 1000
"""A closed session stays known as long as the stream keeps it: its nameplate is not free before."""


@dataclass(frozen=True, slots=True)
class SeenNodes:
    """What the heartbeats say: whether a node is alive, and since when its relay runs."""

    is_alive: Callable[[NodeId], bool]
    relay_since: Callable[[NodeId], int]


class SessionReaper:
    """Closes and vacates sessions; every gateway may, since each step is a compare-and-set."""

    def __init__(
        self, sessions: Sessions, attachments: Attachments, directory: Directory, seen: SeenNodes
    ) -> None:
        self._sessions = sessions
        self._attachments = attachments
        self._directory = directory
        self._seen = seen
        self._watched_since = sessions.clock.unix_ms()
        self._carried_until: dict[SessionId, int] = {}
        self._log = logging.getLogger("meridian.sessions")

    async def run(self) -> None:
        """Sweep every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.sweep()

    async def sweep(self) -> None:
        """Let every session follow its ends."""
        if self._directory.site is None:
            return
        await self._attachments.reconcile(self._seen.is_alive)
        view = self._sessions.view
        for state in view.all():
            is_closed = state.phase is SessionPhase.CLOSED
            if is_closed and self._now() >= UnixMillis(state.expires_unix_ms + REMEMBERED_MS):
                view.forget(state.session)
                self._carried_until.pop(state.session, None)
            elif self._is_due(state):
                await self._reap(state)

    def _is_due(self, state: SessionState) -> bool:
        """Say whether something is to be done with the session, as far as is known here."""
        is_carried = self._now() < self._carried_until.get(state.session, 0)
        return reaped(state, self._here(), is_carried=is_carried) != state

    async def _reap(self, seen: SessionState) -> None:
        """Do what is due with the session of *seen*, unless a relay carries it."""
        try:
            facts = await self._sessions.store.path_facts(seen.session)
            since = {path.node: self._seen.relay_since(path.node) for path in seen.paths}
            carried = is_carried(facts, since)
            self._carried_until.pop(seen.session, None)
            if carried:
                self._carried_until[seen.session] = self._now() + RECHECK_MS

            def step(state: SessionState, _now: UnixMillis) -> SessionState:
                return reaped(state, self._here(), is_carried=carried)

            after = await self._sessions.apply(seen.session, step)
        except MeridianError as error:
            self._log.debug("session %s was not reaped: %s", seen.session, error.message)
            return
        if after.phase is SessionPhase.CLOSED:
            self._sessions.relays.start(after)

    def _here(self) -> Circumstances:
        waiting_ms = round(self._directory.require_site().session.waiting_seconds * 1000)
        return Circumstances(self._now(), self._watched_since, waiting_ms)

    def _now(self) -> UnixMillis:
        return self._sessions.clock.unix_ms()
