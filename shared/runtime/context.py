"""Builds the beginnings of every service: identity, keys, clock, bus, health and counters."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from faststream.nats import NatsBroker
from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.crypto.envelope import Identity, Signer, Verifier
from shared.crypto.keyring import KeyRing
from shared.crypto.nodekeys import KEY_FILE, TRUST_FILE, NodeKey, TrustStore
from shared.domain.clock_offset import ClockOffsets
from shared.events.security import MessageRejected
from shared.messaging.broker import build_broker
from shared.messaging.client import OnMalformed
from shared.messaging.connection import NatsAccess, inbox_prefix
from shared.messaging.dedicated import DedicatedConnection
from shared.messaging.events import EventPublisher, EventSigner
from shared.messaging.middleware import Guard
from shared.messaging.publisher import Publisher
from shared.messaging.rejections import Rejection, Rejections
from shared.runtime.clock import Clock
from shared.runtime.clock_answers import ClockAnswers, clock_router
from shared.runtime.containment import Containment
from shared.runtime.fault import Fault
from shared.runtime.health import Health
from shared.runtime.meter import PrometheusMeter
from shared.runtime.process import Process
from shared.settings import ServiceSettings

PACKAGE: Final = "meridian-cluster"


@dataclass(frozen=True)
class MemberKeys:
    """The cluster's keys, this node's own key, and the public keys of the masters."""

    keyring: KeyRing
    node_key: NodeKey
    trust: TrustStore


@dataclass(frozen=True)
class MessageSecurity:
    """The signer and the checker of messages, the counter of refusals, the clocks of others."""

    signer: Signer
    verifier: Verifier
    rejections: Rejections
    clocks: ClockOffsets


@dataclass(frozen=True)
class Bus:
    """The signed broker, and the ways in which a service speaks over it.

    *ending* is set once the service stops: what fails then is no fault of its own.
    """

    identity: Identity
    access: NatsAccess
    broker: NatsBroker
    publisher: Publisher
    event_signer: EventSigner
    events: EventPublisher
    on_malformed: OnMalformed
    ending: asyncio.Event

    def build_connection(self, name: str, access: NatsAccess | None = None) -> DedicatedConnection:
        """A connection of its own, not connected yet; *access* is given for another account."""
        return DedicatedConnection(access or self.access, self.identity, name, self.on_malformed)

    def build_event_publisher(self, stream: str) -> EventPublisher:
        """A publisher of signed events into *stream*; the caller runs it."""
        return EventPublisher(self.broker, self.event_signer, stream)


@dataclass(frozen=True)
class Telemetry:
    """The data that the metrics server shows of this process."""

    health: Health
    registry: CollectorRegistry


@dataclass(frozen=True)
class Faults:
    """The receivers of faults: *fatal* ends the process, *containment* ends one piece of work."""

    fatal: Fault
    containment: Containment


@dataclass(frozen=True)
class ServiceContext:
    """The parts that a composition root builds upon.

    It stays in `app.py`: every other module receives the parts that it uses.
    """

    settings: ServiceSettings
    clock: Clock
    process: Process
    keys: MemberKeys
    security: MessageSecurity
    bus: Bus
    telemetry: Telemetry
    faults: Faults


def build_context(settings: ServiceSettings, service: str, clock: Clock) -> ServiceContext:
    """Read the node's keys and build the signed broker, not connected yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    trust = TrustStore.load(settings.state_dir / TRUST_FILE)
    node_key = NodeKey.load(settings.state_dir / KEY_FILE)
    keyring = KeyRing.derive(settings.pre_shared_key(), trust.cluster_id, settings.previous_key())
    identity = Identity(settings.node, service, secrets.token_hex(4))
    started = clock.unix_ms()
    signer = Signer(keyring, identity, secrets.token_hex(6), clock.unix_ms)
    verifier = Verifier(keyring, clock.unix_ms, started)
    access = NatsAccess(settings.nats_servers, settings.nats_user, settings.nats_password())
    registry = _build_registry(service)
    rejections = Rejections(clock.now, _log_rejection, _rejected_counter(registry))
    fault, meter = Fault(), PrometheusMeter(registry)
    guard = Guard(
        *(signer, verifier, rejections, inbox_prefix(identity), meter, fault.report, clock.now)
    )
    broker = build_broker(access, identity, guard)
    broker.include_router(clock_router(ClockAnswers(clock.now), settings.node, service))
    bus = _build_bus(
        identity,
        access,
        broker,
        EventSigner(settings.node, node_key, clock.unix_ms),
        guard,
    )
    rejections.notify = _rejection_reporter(identity, bus.events)
    return ServiceContext(
        settings=settings,
        clock=clock,
        process=Process(identity, package_version(), started, settings.state_dir),
        keys=MemberKeys(keyring, node_key, trust),
        security=MessageSecurity(signer, verifier, rejections, guard.clocks),
        bus=bus,
        telemetry=Telemetry(Health(), registry),
        faults=Faults(fault, Containment(fault.report, _contained_counter(registry))),
    )


def _build_bus(
    identity: Identity,
    access: NatsAccess,
    broker: NatsBroker,
    signer: EventSigner,
    guard: Guard,
) -> Bus:
    return Bus(
        identity=identity,
        access=access,
        broker=broker,
        publisher=Publisher(broker),
        event_signer=signer,
        events=EventPublisher(broker, signer),
        on_malformed=guard.rejections.record,
        ending=guard.ending,
    )


def _log_rejection(rejection: Rejection) -> None:
    logging.getLogger("meridian.security").warning(
        "refused %d message(s) of %s: %s", rejection.count, rejection.sender, rejection.detail
    )


def _rejection_reporter(identity: Identity, events: EventPublisher) -> Callable[[Rejection], None]:
    """Report refusals to the log and to the stream of events."""

    def notify(rejection: Rejection) -> None:
        _log_rejection(rejection)
        events.emit(
            MessageRejected(
                observer=identity.node,
                sender=rejection.sender,
                reason=rejection.reason,
                count=rejection.count,
                detail=rejection.detail,
            )
        )

    return notify


def _rejected_counter(registry: CollectorRegistry) -> Callable[[str], None]:
    counter = Counter(
        "meridian_messages_rejected", "Messages dropped, by reason", ["reason"], registry=registry
    )
    return lambda reason: counter.labels(reason).inc()


def package_version() -> str:
    """The installed version of this project."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "0"


def _contained_counter(registry: CollectorRegistry) -> Callable[[str], None]:
    counter = Counter(
        "meridian_contained_faults",
        "Faults that ended nothing but the work for one receiver, peer, client, session or lookup",
        ["kind"],
        registry=registry,
    )
    return lambda kind: counter.labels(kind).inc()


def _build_registry(service: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    build = Gauge("meridian_build", "This build", ["version", "service"], registry=registry)
    build.labels(package_version(), service).set(1)
    return registry
