"""Tells what the data plane did: counts, facts for gateways and for tools outside, a log line.

A fact waits in a bounded queue until the stream has acknowledged it; the data plane never waits.
"""

import logging

from services.relay.core.reception import PathKey
from services.relay.metrics import Tally
from shared.domain.ids import NodeId
from shared.events.session import PathReported, SessionPathChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.wire.relay import RefusalCode


class Reports:
    """Who is told what happened on the data plane."""

    def __init__(
        self, node: NodeId, facts: Emits, events: Emits, tally: Tally, clock: Clock
    ) -> None:
        self._node = node
        self._facts = facts
        self._events = events
        self._tally = tally
        self._clock = clock
        self._log = logging.getLogger("meridian.relay")

    def on_paired(self, key: PathKey) -> None:
        self._tally.paired += 1
        self._tell(key, "ready", 0)

    def on_parted(self, key: PathKey, bytes_carried: int) -> None:
        self._tell(key, "parted", bytes_carried)

    def on_refused(self, code: RefusalCode) -> None:
        self._tally.refused[code] += 1
        self._log.debug("refused a connection: %s", code)

    def on_pinged(self, count: int) -> None:
        self._tally.pings += count

    def _tell(self, key: PathKey, fact: str, bytes_carried: int) -> None:
        self._log.info(
            "session %s, path %d: %s, %d bytes", key.session, key.generation, fact, bytes_carried
        )
        self._facts.emit(
            PathReported(
                session=key.session,
                node=self._node,
                generation=key.generation,
                fact=fact,
                bytes_carried=bytes_carried,
                at_unix_ms=self._clock.unix_ms(),
            )
        )
        self._events.emit(
            SessionPathChanged(
                session=key.session,
                node=self._node,
                generation=key.generation,
                state="ready" if fact == "ready" else "parted",
                previous="waiting" if fact == "ready" else "ready",
                cause="both ends came" if fact == "ready" else "an end left",
                bytes_carried=bytes_carried,
            )
        )
