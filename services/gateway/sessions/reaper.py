"""Closes sessions that have expired, and forgets closed ones after a week."""

import asyncio
import logging
from typing import Final

from services.gateway.sessions.core.session import has_expired
from services.gateway.sessions.sessions import Sessions
from shared.domain.errors import MeridianError
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.session import CloseReason, SessionPhase
from shared.messaging.streams import WEEK_SECONDS
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory

SWEEP_SECONDS: Final = 15.0
REMEMBERED_MS: Final = WEEK_SECONDS * 1000
"""A closed session stays known as long as the stream keeps it: its nameplate is not free before."""


class SessionReaper:
    """Closes expired sessions; both gateways may do it, since a close is a compare-and-set."""

    def __init__(self, sessions: Sessions, directory: Directory, clock: Clock) -> None:
        self._sessions = sessions
        self._directory = directory
        self._clock = clock
        self._log = logging.getLogger("meridian.sessions")

    async def run(self) -> None:
        """Close what has expired, every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for session in self.expired():
                try:
                    await self._sessions.close(session, CloseReason.EXPIRED, "expired")
                except MeridianError as error:
                    self._log.debug("session %s was not closed: %s", session, error.message)

    def expired(self) -> list[SessionId]:
        """List the sessions to close now; forget those that ended a week ago."""
        site = self._directory.site
        if site is None:
            return []
        view = self._sessions.view
        now, waiting_ms = self._clock.unix_ms(), site.session.waiting_seconds * 1000
        for state in view.all():
            is_closed = state.phase is SessionPhase.CLOSED
            if is_closed and now >= UnixMillis(state.expires_unix_ms + REMEMBERED_MS):
                view.forget(state.session)
        return [state.session for state in view.all() if has_expired(state, now, waiting_ms)]
