"""Ends a closed session at every relay that its tickets name."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared.domain.errors import Unavailable
from shared.domain.ids import NodeId
from shared.events.relay import CloseSession
from shared.events.session import SessionState
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment

HEAD_START_SECONDS: Final = 0.3
"""Ends with a control channel learn from it why the session is over, before the path breaks."""

CLOSE_SECONDS: Final = 4.0
PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class RelayClosing:
    """Asks relays to end sessions, until each relay answered or the tickets expired."""

    publisher: Asks
    clock: Clock
    containment: Containment

    def start(self, state: SessionState) -> None:
        """Start to end the session of *state* at its relays."""
        for node in {path.node for path in state.paths}:
            close = partial(self._close_at, node, state)
            self.containment.keep("close", f"{state.session} at {node}", close)

    async def _close_at(self, node: NodeId, state: SessionState) -> None:
        order = CloseSession(node=node, session=state.session, until_unix_ms=state.expires_unix_ms)
        await asyncio.sleep(HEAD_START_SECONDS)
        while self.clock.unix_ms() < state.expires_unix_ms:
            try:
                await self.publisher.ask(order, timeout_seconds=CLOSE_SECONDS)
            except Unavailable:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return
