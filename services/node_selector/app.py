"""The composition root of the node selector: the one place that knows all of its parts."""

import asyncio
import secrets
from functools import partial
from typing import Final

from faststream import FastStream

from services.node_selector import rehearsing
from services.node_selector.core.reasons import feed_lost
from services.node_selector.dns.asking import Asker
from services.node_selector.dns.lookups import Lookups
from services.node_selector.dns.names import DnsNames
from services.node_selector.dns.servers import ZoneServers
from services.node_selector.ends import Ends
from services.node_selector.handlers import Draws, Selector, router
from services.node_selector.places import Database, Nowhere
from services.node_selector.rehearsing import Rehearsals
from services.node_selector.settings import NodeSelectorSettings
from shared.runtime.clock import Clock
from shared.runtime.context import build_context
from shared.runtime.directory import Directory
from shared.runtime.health import Health
from shared.runtime.service import Service, Task

FEED_SECONDS: Final = 1.0


def build_app(settings: NodeSelectorSettings, *, clock: Clock) -> Service:
    """One replica, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "node_selector", clock)
    directory = Directory(context.bus.publisher, overrides=True)
    draws = Draws(context.process.version, partial(secrets.randbits, 64))
    file = settings.geo_database_file
    places = Nowhere() if file is None else Database(file, clock)
    zones = ZoneServers(clock)
    names = DnsNames(Lookups(Asker(zones), zones, clock, context.faults.containment))
    ends = Ends(places, names)
    selector = Selector(directory, ends, clock, draws)
    health = context.telemetry.health
    health.set("directory", ok=False, reason="not read yet")
    directory.on_change(selector.on_directory)
    directory.on_change(lambda: health.set("directory", ok=directory.site is not None))
    context.bus.broker.include_router(router(selector))
    context.bus.broker.include_router(rehearsing.router(Rehearsals(selector, ends, clock)))
    workers: dict[str, Task] = {
        "directory": directory.run,
        "feed": partial(_watch_feed, selector, health),
    }
    return Service(FastStream(context.bus.broker, logger=None), context, workers=workers)


async def _watch_feed(selector: Selector, health: Health) -> None:
    """Say in the replica's health when it hears nobody any more, and when it does again."""
    while True:
        deaf = selector.deaf_seconds
        health.set("state_feed", ok=deaf is None, reason=feed_lost(deaf or 0.0))
        await asyncio.sleep(FEED_SECONDS)
