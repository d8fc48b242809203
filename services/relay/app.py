"""The composition root of the relay: the one place that knows all of its parts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from faststream import FastStream

from services.relay.control.configuration import NodeConfiguration, default_capacity
from services.relay.control.files import DirectoryCopy, DirectoryFile, RelayFile
from services.relay.control.orders import NodeOrders
from services.relay.core.admission import Admission
from services.relay.core.effects import Effect
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.plane import DataPlane
from services.relay.data_plane.pump import PumpResources
from services.relay.handlers import router
from services.relay.reporting.heartbeats import HeartbeatSender
from services.relay.reporting.metrics import RelayCollector, RelayCounters
from services.relay.reporting.reporter import PathReporter
from services.relay.settings import RelaySettings
from shared.crypto.keyring import KeyRing
from shared.crypto.tickets import read_ticket, require_probe_ticket
from shared.domain.ids import NodeId
from shared.domain.source import Networks
from shared.domain.ticket import Ticket
from shared.messaging.events import EventPublisher
from shared.messaging.streams import SESSIONS
from shared.runtime.accepting import raise_descriptor_limit
from shared.runtime.clock import Clock
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.directory import Directory
from shared.runtime.driver import Driver
from shared.runtime.health import Health
from shared.runtime.listening import ListenSetting, open_listeners
from shared.runtime.service import Service, Task

BACKLOG: Final = 1_024


@dataclass(frozen=True)
class Relay:
    """The relay's parts that `build_app` wires."""

    admission: Admission
    pairings: PairingTable
    plane: DataPlane
    counters: RelayCounters
    facts: EventPublisher
    file: RelayFile


@dataclass(frozen=True)
class SignedTickets:
    """Checks tickets with this node's key ring and clock."""

    keyring: KeyRing
    node: NodeId
    clock: Clock

    def read_path_ticket(self, text: str) -> Ticket:
        """Return the ticket in *text*, if it admits to a path here and now."""
        return read_ticket(self.keyring, text, node=self.node, now_ms=self.clock.unix_ms())

    def require_probe(self, text: str) -> None:
        """Refuse *text* unless it is a valid probe ticket."""
        require_probe_ticket(self.keyring, text, now_ms=self.clock.unix_ms())


def build_app(settings: RelaySettings, *, clock: Clock) -> Service:
    """Build the relay's parts and connect them; nothing runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "relay", clock)
    is_master = settings.node in context.keys.trust.masters
    relay = build_relay(context, settings.proxy_protocol_from, is_master=is_master)
    orders = NodeOrders(relay.admission, relay.pairings, relay.plane.perform, relay.file)
    configuration = NodeConfiguration(
        settings.node, relay.admission, DirectoryFile(settings.state_dir)
    )
    heartbeats = HeartbeatSender(
        *(context.process, context.bus.publisher, clock),
        *(relay.admission, relay.pairings, relay.plane),
    )
    driver = Driver(relay.pairings, clock, partial(_perform, relay.plane))
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
            "heartbeat": partial(heartbeats.run, configuration, orders),
            **_directory(context, configuration, is_master=is_master),
        },
        ending=(heartbeats.announce_stop,),
    )


def build_relay(context: ServiceContext, proxies: Networks, *, is_master: bool) -> Relay:
    """Build the data plane of *context*'s node, behind load balancers in *proxies*.

    Raises:
        BadSettings: the relay's own file is damaged.
    """
    node, clock = context.process.identity.node, context.clock
    file, counters = RelayFile(context.settings.state_dir), RelayCounters()
    admission = Admission(default_capacity(is_master=is_master), file.load())
    pairings = PairingTable(admission)
    facts = context.bus.build_event_publisher(SESSIONS)
    reporter = PathReporter(node, facts, context.bus.events, counters, clock)
    resources = PumpResources(clock, context.faults.containment)
    tickets = SignedTickets(context.keys.keyring, node, clock)
    plane = DataPlane(node, pairings, resources, tickets, reporter, proxies)
    return Relay(admission, pairings, plane, counters, facts, file)


async def carry(settings: RelaySettings, health: Health, plane: DataPlane) -> None:
    """Listen and carry until cancelled; no other part of the site has to run.

    Raises:
        BadSettings: an address is not this machine's, or its port is in use.
    """
    raise_descriptor_limit()  # a pair needs two, and the usual limit is 1,024
    plane.open(open_listeners(_listening(settings)))
    health.set("data_plane", ok=True)
    try:
        await asyncio.Event().wait()
    finally:
        plane.close()


def _listening(settings: RelaySettings) -> ListenSetting:
    hosts, port = settings.relay_host, settings.relay_port
    return ListenSetting("the relay", "MERIDIAN_RELAY", hosts, port, BACKLOG)


def _directory(
    context: ServiceContext, configuration: NodeConfiguration, *, is_master: bool
) -> dict[str, Task]:
    """Read the directory on a master, where replication keeps no copy of it on disk."""
    if not is_master:
        return {}
    directory = Directory(context.bus.publisher)
    directory.on_change(lambda: configuration.apply(DirectoryCopy(directory.site, directory.nodes)))
    return {"directory": directory.run}


def _collector(relay: Relay) -> RelayCollector:
    plane = relay.plane
    return RelayCollector(
        relay.pairings, relay.counters, lambda: plane.bytes_carried, lambda: plane.connections
    )


async def _perform(plane: DataPlane, effects: Sequence[Effect]) -> None:
    plane.perform(tuple(effects))
