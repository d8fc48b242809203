"""The composition root of the relay: the one place that knows all of its parts."""

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from faststream import FastStream

from services.relay.beats import Beats
from services.relay.core.admission import Admission
from services.relay.core.reception import Effect, Reception
from services.relay.data_plane.door import listen
from services.relay.data_plane.plane import DataPlane
from services.relay.data_plane.pump import Tools
from services.relay.handlers import Orders, router
from services.relay.metrics import RelayCollector, Tally
from services.relay.own import OwnPart, default_capacity
from services.relay.reports import Reports
from services.relay.settings import RelaySettings
from services.relay.store import Copy, DirectoryFile, RelayFile
from shared.crypto.keyring import KeyRing
from shared.crypto.tickets import read_ticket, require_probe_ticket
from shared.domain.ids import NodeId
from shared.domain.ticket import Ticket
from shared.messaging.events import EventPublisher
from shared.messaging.streams import SESSIONS
from shared.runtime.clock import Clock
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.directory import Directory
from shared.runtime.driver import Driver
from shared.runtime.health import Health
from shared.runtime.service import Service, Task


@dataclass(frozen=True)
class Relay:
    """The relay's parts, as they hang together."""

    admission: Admission
    reception: Reception
    plane: DataPlane
    tally: Tally
    facts: EventPublisher
    file: RelayFile


@dataclass(frozen=True)
class SignedTickets:
    """Tickets as this node's key ring proves them."""

    node: NodeId
    keyring: KeyRing
    clock: Clock

    def path(self, text: str) -> Ticket:
        """The path that *text* admits to, here and now."""
        return read_ticket(self.keyring, text, node=self.node, now_ms=self.clock.unix_ms())

    def require_probe(self, text: str) -> None:
        """Let who may measure pass."""
        require_probe_ticket(self.keyring, text, now_ms=self.clock.unix_ms())


def build_app(settings: RelaySettings, *, clock: Clock) -> Service:
    """Everything of the relay, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "relay", clock)
    is_master = settings.node in context.keys.trust.masters
    relay = build_relay(context, is_master=is_master)
    orders = Orders(relay.admission, relay.reception, relay.plane.perform, relay.file)
    own = OwnPart(settings.node, relay.admission, DirectoryFile(settings.state_dir))
    beats = Beats(
        *(context.process, context.bus.publisher, clock),
        *(relay.admission, relay.reception, relay.plane),
    )
    driver = Driver(relay.reception, clock, partial(_perform, relay.plane))
    relay.plane.wake = driver.wake
    context.bus.broker.include_router(router(orders, settings.node))
    context.telemetry.registry.register(_collector(relay))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(
            partial(carry, settings, context.telemetry.health, relay.plane),
            driver.run,
            relay.facts.run,
        ),
        workers={
            "heartbeat": partial(beats.run, own, orders),
            **_directory(context, own, is_master=is_master),
        },
        ending=(beats.farewell,),
    )


def build_relay(context: ServiceContext, *, is_master: bool) -> Relay:
    """The data plane of *context*'s node, and what it tells.

    Raises:
        BadSettings: the relay's own file is damaged.
    """
    node, clock = context.process.identity.node, context.clock
    file, tally = RelayFile(context.settings.state_dir), Tally()
    admission = Admission(default_capacity(is_master=is_master), file.load())
    reception = Reception(admission)
    facts = context.bus.build_event_publisher(SESSIONS)
    reports = Reports(node, facts, context.bus.events, tally, clock)
    tickets = SignedTickets(node, context.keys.keyring, clock)
    tools = Tools(clock, context.faults.containment)
    plane = DataPlane(node, reception, tools, tickets, reports)
    return Relay(admission, reception, plane, tally, facts, file)


async def carry(settings: RelaySettings, health: Health, plane: DataPlane) -> None:
    """Listen and carry until cancelled; nothing else of the site has to be there.

    Raises:
        BadSettings: the port is in use.
    """
    _allow_as_many_descriptors_as_may_be()
    plane.open(listen(settings.relay_host, settings.relay_port))
    health.set("data_plane", ok=True)
    try:
        await asyncio.Event().wait()
    finally:
        plane.close()


def _directory(context: ServiceContext, own: OwnPart, *, is_master: bool) -> dict[str, Task]:
    """On a master the directory is asked for: replication keeps no copy of it on disk there."""
    if not is_master:
        return {}
    directory = Directory(context.bus.publisher)
    directory.on_change(lambda: own.take(Copy(directory.site, directory.nodes)))
    return {"directory": directory.run}


def _collector(relay: Relay) -> RelayCollector:
    plane = relay.plane
    return RelayCollector(
        relay.reception, relay.tally, lambda: plane.bytes_carried, lambda: plane.connections
    )


async def _perform(plane: DataPlane, effects: Sequence[Effect]) -> None:
    plane.perform(tuple(effects))


def _allow_as_many_descriptors_as_may_be() -> None:
    """Each pair takes two, and the default of many systems is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
