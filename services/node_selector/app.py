"""The composition root of the node selector: the one place that knows all of its parts."""

import asyncio
import secrets
from functools import partial
from typing import Final

from faststream import FastStream

from services.node_selector.core.reasons import feed_lost_note
from services.node_selector.core.roster import Roster
from services.node_selector.dns.client import DnsClient
from services.node_selector.dns.lookups import DnsLookups
from services.node_selector.dns.node_lookup import NodeLookup
from services.node_selector.dns.zone_servers import ZoneServers
from services.node_selector.handlers import router
from services.node_selector.placement.fact_collector import FactCollector
from services.node_selector.placement.geo_database import GeoDatabase, NoGeoDatabase
from services.node_selector.placement.rehearsals import Rehearsals
from services.node_selector.placement.selector import Selector
from services.node_selector.settings import NodeSelectorSettings
from shared.runtime.clock import Clock
from shared.runtime.context import build_context
from shared.runtime.directory import Directory
from shared.runtime.health import Health
from shared.runtime.service import Service, Task

FEED_SECONDS: Final = 1.0


def build_app(settings: NodeSelectorSettings, *, clock: Clock) -> Service:
    """Build one replica and connect its parts; nothing runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "node_selector", clock)
    directory = Directory(context.bus.publisher, overrides=True)
    file = settings.geo_database_file
    locations = NoGeoDatabase() if file is None else GeoDatabase(file, clock)
    zones = ZoneServers(clock)
    dns = NodeLookup(DnsLookups(DnsClient(zones), zones, clock, context.faults.containment))
    collector = FactCollector(locations, dns)
    chance = partial(secrets.randbits, 64)
    selector = Selector(directory, collector, clock, Roster(context.process.version), chance)
    health = context.telemetry.health
    health.set("directory", ok=False, reason="not read yet")
    directory.on_change(selector.refresh_directory)
    directory.on_change(lambda: health.set("directory", ok=directory.site is not None))
    context.bus.broker.include_router(router(selector, Rehearsals(selector, collector, clock)))
    workers: dict[str, Task] = {
        "directory": directory.run,
        "feed": partial(_watch_feed, selector, health),
    }
    return Service(FastStream(context.bus.broker, logger=None), context, workers=workers)


async def _watch_feed(selector: Selector, health: Health) -> None:
    """Report in the replica's health whether it still hears relays, until cancelled."""
    while True:
        lost_seconds = selector.feed_lost_seconds
        health.set(
            "state_feed", ok=lost_seconds is None, reason=feed_lost_note(lost_seconds or 0.0)
        )
        await asyncio.sleep(FEED_SECONDS)
