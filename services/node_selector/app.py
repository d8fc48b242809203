"""The composition root of the node selector: the one place that knows all of its parts."""

import secrets
from functools import partial

from faststream import FastStream

from services.node_selector.handlers import Draws, Selector, router
from services.node_selector.settings import NodeSelectorSettings
from shared.messaging.directory import Directory
from shared.runtime.clock import Clock
from shared.runtime.context import build_context
from shared.runtime.service import Service


def build_app(settings: NodeSelectorSettings, *, clock: Clock) -> Service:
    """One replica, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "node_selector", clock)
    directory = Directory(context.publisher, overrides=True)
    draws = Draws(context.version, partial(secrets.randbits, 64))
    selector = Selector(directory, clock, draws)
    health = context.health
    health.set("directory", ok=False, reason="not read yet")
    directory.on_change(selector.on_directory)
    directory.on_change(lambda: health.set("directory", ok=directory.site is not None))
    context.broker.include_router(router(selector))
    return Service(FastStream(context.broker, logger=None), context, tasks=(directory.run,))
