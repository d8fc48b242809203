"""Does the primary's background work on the log's servers; none of it is a condition of safety."""

import asyncio
import logging
from typing import Final, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.failover_monitor.core.monitor import MonitorStatus
from services.failover_monitor.log_servers.leaders import LeaderPlacement
from services.failover_monitor.log_servers.servers import LogServerMonitor
from shared.domain.ids import Instant
from shared.messaging.alone import possible_replicas
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from shared.runtime.clock import Clock
from shared.runtime.waiting import wait_at_most

AGAIN_SECONDS: Final = 1.0
SERVERS_SECONDS: Final = 5.0


class MonitorView(Protocol):
    """Says whether this master is primary, and which log generation its database is at."""

    def is_primary(self, now: Instant) -> bool: ...
    def status(self, now: Instant) -> MonitorStatus: ...


class Upkeep:
    """Makes missing streams, moves leaders and watches servers while this master is primary."""

    def __init__(self, role: MonitorView, clock: Clock) -> None:
        self._role = role
        self._clock = clock
        self._acquired = asyncio.Event()
        self._log = logging.getLogger("meridian.failover")

    def on_acquired(self) -> None:
        """Start the work of a term: this master became primary."""
        self._acquired.set()

    async def keep_streams(self, client: Client, replicas: int) -> None:
        """Make the streams that are missing, once in every term, until cancelled."""
        is_made = False
        while True:
            is_primary = self._role.is_primary(self._clock.now())
            if is_primary and not is_made and client.is_connected:
                try:
                    possible = await possible_replicas(client, replicas)
                    await ensure_streams(jetstream_of(client), possible)
                    is_made = True
                except (NatsError, OSError, TimeoutError) as error:
                    self._log.debug("the streams are not all there: %s", error)
            is_made = is_made and is_primary
            await asyncio.sleep(AGAIN_SECONDS)

    async def keep_leaders(self, placement: LeaderPlacement, seconds: float) -> None:
        """Place the leaders as soon as this master became primary, then every *seconds*."""
        while True:
            self._acquired.clear()
            now = self._clock.now()
            generation = self._role.status(now).health.log_generation
            if generation is not None and self._role.is_primary(now):
                await placement.place(generation)
            await wait_at_most(self._acquired, seconds)

    async def watch_servers(self, servers: LogServerMonitor) -> None:
        """Check the log's servers until cancelled, on every master; the primary reports."""
        while True:
            await servers.check(is_primary=self._role.is_primary(self._clock.now()))
            await asyncio.sleep(SERVERS_SECONDS)
