"""Reports what the data plane did: counters, events for gateways and external tools, a log line.

An event waits in a bounded queue until the stream has acknowledged it; the data plane never waits.
Two programs that take each other's place could make events without end, so that those for tools
outside have a budget for each session. Gateways get every fact: they tell from the last ones
whether a session is carried.
"""

import logging
from typing import Final

from services.relay.core.effects import PathKey
from services.relay.reporting.metrics import RelayCounters
from shared.domain.event_budget import EventBudgets
from shared.domain.ids import NodeId
from shared.events.session import PathReported, SessionPathChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock
from shared.wire.relay import RefusalCode

EVENTS_AT_ONCE: Final = 20
SECONDS_EACH: Final = 10.0


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
        self._budgets = EventBudgets(EVENTS_AT_ONCE, SECONDS_EACH)
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
        self._emit_change(key, fact, bytes_carried)

    def _emit_change(self, key: PathKey, fact: str, bytes_carried: int) -> None:
        left_out = self._budgets.take(key.session, self._clock.now())
        if left_out is None:
            return
        cause = "both ends came" if fact == "ready" else "an end left"
        self._events.emit(
            SessionPathChanged(
                session=key.session,
                node=self._node,
                generation=key.generation,
                state="ready" if fact == "ready" else "parted",
                previous="waiting" if fact == "ready" else "ready",
                cause=f"{cause}; {left_out} changes before were left out" if left_out else cause,
                bytes_carried=bytes_carried,
            )
        )
