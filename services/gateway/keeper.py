"""Keeping the view of sessions true, and ending those whose time is over."""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NatsError

from services.gateway.core.session import has_expired
from services.gateway.routes.door import Door
from services.gateway.store import SessionStore
from shared.domain.errors import MeridianError
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.session import CloseReason, SessionPhase
from shared.messaging.streams import WEEK_SECONDS

AGAIN_SECONDS: Final = 0.5
SWEEP_SECONDS: Final = 15.0
REMEMBERED_MS: Final = WEEK_SECONDS * 1000
"""A closed session is known for as long as the stream keeps it, so its nameplate stays taken."""


class Keeper:
    """The gateway's two endless tasks on sessions."""

    def __init__(self, door: Door, store: SessionStore) -> None:
        self._door = door
        self._store = store
        self._log = logging.getLogger("meridian.sessions")

    async def watch(self) -> None:
        """Feed the view from the stream, and start over whenever the stream is lost."""
        health = self._door.health
        health.set("sessions", ok=False, reason="the sessions' log was not read yet")
        while True:
            try:
                async for kept in self._store.watch():
                    health.set("sessions", ok=True)
                    if kept is not None:
                        self._door.view.learned(kept.state)
            except (NatsError, OSError, TimeoutError, MeridianError) as error:
                self._log.debug("the sessions' log is not read: %s", error)
            health.set("sessions", ok=False, reason="the sessions' log is not read")
            await asyncio.sleep(AGAIN_SECONDS)

    async def sweep(self) -> None:
        """Close what has expired; either gateway may, since a close is a compare-and-set."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for session in self.expired():
                try:
                    after = await self._door.sessions.close(session, CloseReason.EXPIRED, "expired")
                except MeridianError as error:
                    self._log.debug("session %s was not closed: %s", session, error.message)
                else:
                    self._door.view.learned(after)

    def expired(self) -> list[SessionId]:
        """The sessions that are to be closed now; those over for long are forgotten."""
        site = self._door.directory.site
        if site is None:
            return []
        now, waiting_ms = self._door.clock.unix_ms(), site.session.waiting_seconds * 1000
        for state in self._door.view.all():
            over = state.phase is SessionPhase.CLOSED
            if over and now >= UnixMillis(state.expires_unix_ms + REMEMBERED_MS):
                self._door.view.forget(state.session)
        return [
            state.session for state in self._door.view.all() if has_expired(state, now, waiting_ms)
        ]
