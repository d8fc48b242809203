"""What a master's monitor does at its leisure: heartbeats, and the streams while it is primary."""

import asyncio
import logging
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.timing import Timing
from services.failover_monitor.handlers import Handlers
from services.failover_monitor.leaders import Leaders
from services.failover_monitor.space import Space
from shared.events.node import NodeHeartbeat
from shared.messaging.alone import possible_replicas
from shared.messaging.connection import jetstream_of
from shared.messaging.ports import Publishes
from shared.messaging.streams import ensure_streams
from shared.runtime.clock import Clock
from shared.runtime.health import Health
from shared.runtime.process import Process
from shared.runtime.waiting import wait_at_most

AGAIN_SECONDS: Final = 1.0
SPACE_SECONDS: Final = 30.0


class Upkeep:
    """The tasks beside the lease; none of them is a condition of safety."""

    def __init__(
        self,
        process: Process,
        publisher: Publishes,
        clock: Clock,
        monitor: Monitor,
        handlers: Handlers,
        timing: Timing,
    ) -> None:
        self._process = process
        self._publisher = publisher
        self._clock = clock
        self._monitor = monitor
        self._handlers = handlers
        self._timing = timing
        self._taken = asyncio.Event()
        self._news = asyncio.Event()
        self._log = logging.getLogger("meridian.failover")

    def on_taken(self) -> None:
        """This master became primary."""
        self._taken.set()
        self._news.set()

    async def beat(self, health: Health) -> None:
        """Publish heartbeats until cancelled; at once when this master became primary."""
        while True:
            self._news.clear()
            await self._publisher.publish(self._heartbeat(health))
            await wait_at_most(self._news, self._timing.heartbeat_seconds)

    async def keep_streams(self, client: Client, replicas: int) -> None:
        """Make the streams that are missing, once in every term."""
        made = False
        while True:
            acting = self._monitor.is_primary(self._clock.now())
            if acting and not made and client.is_connected:
                try:
                    possible = await possible_replicas(client, replicas)
                    await ensure_streams(jetstream_of(client), possible)
                    made = True
                except (NatsError, OSError, TimeoutError) as error:
                    self._log.debug("the streams are not all there: %s", error)
            made = made and acting
            await asyncio.sleep(AGAIN_SECONDS)

    async def keep_leaders(self, leaders: Leaders) -> None:
        """Keep the leaders where they belong: right after taking, and ever again."""
        while True:
            self._taken.clear()
            generation = self._monitor.checks.log_generation
            if generation is not None and self._monitor.is_primary(self._clock.now()):
                await leaders.look_after(generation)
                self._handlers.leaders = leaders.known
            await wait_at_most(self._taken, self._timing.leaders_seconds)

    async def keep_space_known(self, space: Space) -> None:
        """Look how much room the log's servers have left while this master is primary."""
        while True:
            if self._monitor.is_primary(self._clock.now()):
                await space.look()
            else:
                space.look_away()
            await asyncio.sleep(SPACE_SECONDS)

    def _heartbeat(self, health: Health) -> NodeHeartbeat:
        process, now = self._process, self._clock.now()
        reasons = self._monitor.reasons(now)
        forbidden = self._monitor.checks.forbidden
        faults = [reason for reason in reasons if reason not in forbidden]
        health.set("failover", ok=not faults, reason="; ".join(faults))
        return NodeHeartbeat(
            node=process.identity.node,
            service="failover_monitor",
            version=process.version,
            started_unix_ms=process.started_unix_ms,
            role=self._handlers.role,
            epoch=self._monitor.epoch,
            applied_revision=self._monitor.checks.revision,
            could_take_over=self._monitor.could_take_over(now),
            reasons=reasons,
            services=process.read_restarts(self._clock.unix_ms()),
        )
