"""Feeds the view of the sessions from the sessions' stream."""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NatsError

from services.gateway.sessions.store import SessionStore
from services.gateway.sessions.view import SessionsView
from shared.domain.errors import MeridianError
from shared.runtime.health import Health

AGAIN_SECONDS: Final = 0.5


class SessionWatch:
    """Follows the stream, and starts over whenever the stream is lost."""

    def __init__(self, store: SessionStore, view: SessionsView, health: Health) -> None:
        self._store = store
        self._view = view
        self._health = health
        self._log = logging.getLogger("meridian.sessions")

    async def run(self) -> None:
        """Feed the view until cancelled."""
        health = self._health
        health.set("sessions", ok=False, reason="the sessions' log was not read yet")
        while True:
            try:
                async for kept in self._store.watch():
                    health.set("sessions", ok=True)
                    if kept is not None:
                        self._view.update(kept.state)
            except (NatsError, OSError, TimeoutError, MeridianError) as error:
                self._log.debug("the sessions' log is not read: %s", error)
            health.set("sessions", ok=False, reason="the sessions' log is not read")
            await asyncio.sleep(AGAIN_SECONDS)
