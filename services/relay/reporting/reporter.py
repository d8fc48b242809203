"""Reports what the data plane did: counters, events for gateways and external tools, a log line.

An event waits in a bounded queue until the stream has acknowledged it; the data plane never waits.
"""

import logging

from services.relay.core.effects import PathKey
from services.relay.reporting.metrics import RelayCounters
from shared.domain.ids import NodeId
from shared.events.session import PathReported, SessionPathChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.wire.relay import RefusalCode


class PathReporter:
    """Counts, publishes and logs what happens on the data plane."""

    def __init__(
        self, node: NodeId, facts: Emits, events: Emits, counters: RelayCounters, clock: Clock
    ) -> None:
        self._node = node
        self._facts = facts
        self._events = events
        self._counters = counters
        self._clock = clock
        self._log = logging.getLogger("meridian.relay")

    def on_paired(self, key: PathKey) -> None:
        self._counters.paired += 1
        self._report(key, "ready", 0)

    def on_pair_closed(self, key: PathKey, bytes_carried: int) -> None:
        self._report(key, "parted", bytes_carried)

    def on_refused(self, code: RefusalCode, source: str) -> None:
        self._counters.refused[code] += 1
        self._log.debug("refused a connection of %s: %s", source, code)

    def on_pinged(self, count: int) -> None:
        self._counters.pings += count

    def _report(self, key: PathKey, fact: str, bytes_carried: int) -> None:
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
