"""Keeps time for one end's outages: what `clients.endpoint.outage` decides happens when due."""

import asyncio
from collections.abc import Callable
from typing import Final

from clients.clock import now
from clients.endpoint.outage import Outage, OutageEffect
from shared.domain.path import Path

EARLIEST_SECONDS: Final = 0.01


class OutageWatch:
    """Passes facts to an `Outage`, and its effects to *perform*."""

    def __init__(
        self,
        outage: Outage,
        perform: Callable[[OutageEffect], None],
        site_answers: Callable[[], bool],
    ) -> None:
        self._outage = outage
        self._perform = perform
        self._site_answers = site_answers
        self._timer: asyncio.TimerHandle | None = None

    @property
    def refuses_streams(self) -> bool:
        return self._outage.refuses_streams

    def path_up(self) -> None:
        self._outage.path_up()
        self._set_timer()

    def path_lost(self) -> None:
        self._outage.path_lost(now())
        self._set_timer()

    def relay_waits(self, path: Path) -> None:
        self._outage.relay_waits(address_of(path))
        self._set_timer()

    def relay_failed(self, path: Path, reason: str) -> None:
        self._outage.relay_failed(address_of(path), reason, now())
        self._set_timer()

    def stop(self) -> None:
        """Do nothing more: the session is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        self.stop()
        deadline = self._outage.deadline()
        if deadline is not None:
            pause = max(EARLIEST_SECONDS, deadline - now())
            self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        self._timer = None
        effects = self._outage.tick(now(), site_answers=self._site_answers())
        self._set_timer()
        for effect in effects:
            self._perform(effect)


def address_of(path: Path) -> str:
    """Name the relay of *path* for people: its node, if it is known, and its address."""
    host = f"[{path.host}]" if ":" in path.host else path.host
    return f"{path.node} ({host}:{path.port})" if path.node else f"{host}:{path.port}"
