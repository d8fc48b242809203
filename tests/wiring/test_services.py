"""Every service's composition root: what it hears, with whom it shares that, what it needs."""

import asyncio
import importlib
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from faststream import FastStream
from faststream.nats import NatsBroker

from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.crypto.nodekeys import KEY_FILE, TRUST_FILE
from shared.crypto.sealing import SECRET_FILE
from shared.domain.errors import BadSettings
from shared.domain.ids import NodeId
from shared.events import CATALOGUE
from shared.events.message import Request
from shared.messaging.broker import is_guarded
from shared.messaging.catalogue import find_message
from shared.runtime.clock import SystemClock
from shared.runtime.context import ServiceContext
from shared.runtime.service import Service, serve
from shared.settings import ServiceSettings

ALPHA = NodeId("alpha")
SERVICES = (
    *("config", "replication", "failover_monitor", "node_selector", "relay", "gateway"),
    "webhooks",
)
NOBODY = "nats://127.0.0.1:9"
"""Nothing listens there: what is tested here happens without NATS."""

OWN: dict[str, dict[str, str]] = {
    "config": {"DATABASE_URL": "postgresql://x@127.0.0.1:9/x"},
    "replication": {"DATABASE_URL": "postgresql://x@127.0.0.1:9/x"},
    "failover_monitor": {"DATABASE_URL": "postgresql://x@127.0.0.1:9/x", "WITNESS": "witness"},
    "node_selector": {},
    "webhooks": {},
    "relay": {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": "7443"},
    "gateway": {
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": "8443",
        "GATEWAY_URL": "https://127.0.0.1:8443",
    },
}


@dataclass
class Ground:
    """A master's state folder and the environment of its services."""

    folder: Path
    key: str

    def environment(self, service: str, **more: str) -> dict[str, str]:
        named = {
            "NODE": ALPHA,
            "STATE_DIR": str(self.folder),
            "PSK": self.key,
            "NATS_SERVERS": NOBODY,
            **OWN[service],
            **more,
        }
        return {f"MERIDIAN_{name}": value for name, value in named.items()}

    def build(self, service: str, monkeypatch: pytest.MonkeyPatch) -> Service:
        for name, value in self.environment(service).items():
            monkeypatch.setenv(name, value)
        app = importlib.import_module(f"services.{service}.app")
        settings = importlib.import_module(f"services.{service}.settings")
        found: list[type[ServiceSettings]] = [
            each
            for each in vars(settings).values()
            if isinstance(each, type)
            and issubclass(each, ServiceSettings)
            and each.__module__ == settings.__name__
        ]
        made: Service = app.build_app(found[0].read(), clock=SystemClock())
        return made


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    public = join.prepare_node(tmp_path)
    cluster_id = join.found_cluster(tmp_path)
    join.pin(tmp_path, cluster_id, {ALPHA: public})
    return Ground(tmp_path, make_psk())


def heard(service: Service) -> set[tuple[str, str]]:
    """The subjects that a service subscribes to, each with its queue group."""
    subscribers: Any = service.context.bus.broker.subscribers
    return {(str(each.subject.broker_address), str(each.queue)) for each in subscribers}


HEARD = {
    "config": {
        ("meridian.config.alpha.pause_writes", ""),
        ("meridian.config.alpha.position", ""),
        ("meridian.config.current", ""),
        ("meridian.config.alpha.promote_alone", ""),
        ("meridian.config.alpha.rebuild_log", ""),
        ("meridian.config.propose", ""),
        ("meridian.config.alpha.prove", ""),
        ("meridian.config.current", ""),
        ("meridian.config.read", "config"),
        ("meridian.config.history", "config"),
        ("meridian.config.alpha.verify", ""),
        ("meridian.failover.*.grant", ""),
        ("meridian.replication.*.progress", ""),
    },
    "gateway": {
        ("meridian.node.*.heartbeat", ""),
        ("meridian.replication.*.progress", ""),
        ("meridian.failover.*.grant", ""),
        ("meridian.gateway.alpha.prove", "gateway"),
    },
    "replication": {
        ("meridian.replication.alpha.prove", ""),
        ("meridian.replication.alpha.conflict", ""),
        ("meridian.replication.alpha.conflict_entries", ""),
        ("meridian.replication.alpha.conflicts", ""),
        ("meridian.replication.alpha.keep_conflict", ""),
        ("meridian.replication.alpha.resolve_conflict", ""),
        ("meridian.replication.history", ""),
        ("meridian.replication.alpha.sync", ""),
        ("meridian.replication.history", ""),
        ("meridian.replication.snapshot", ""),
    },
}


@pytest.mark.parametrize("service", sorted(HEARD))
def test_each_service_hears_what_it_should_and_shares_what_one_may_answer(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    own_clock = (f"meridian.node.alpha.{service}.clock", "")
    assert heard(ground.build(service, monkeypatch)) == {*HEARD[service], own_clock}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_signs_its_messages(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    assert is_guarded(ground.build(service, monkeypatch).context.bus.broker)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_answers_requests_and_nothing_else(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    subscribers: Any = ground.build(service, monkeypatch).context.bus.broker.subscribers
    for each in subscribers:
        message = find_message(str(each.subject.broker_address).replace("*", ALPHA))
        assert message is not None
        assert each._no_reply is not issubclass(message, Request), message.__name__


def test_every_request_is_heard_by_a_service_that_may_answer_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_service = {
        service: {subject for subject, _ in heard(ground.build(service, monkeypatch))}
        for service in SERVICES
    }
    for message in CATALOGUE:
        if not issubclass(message, Request):
            continue
        fields = dict.fromkeys(message.subject.fields, ALPHA)
        listeners = {
            service
            for service, subjects in by_service.items()
            if subjects
            & {
                message.subject.address(**{**fields, "service": service}),
                message.subject.wildcard,
            }
        }
        assert listeners == message.subject.answered_by, message.__name__


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("file", [KEY_FILE, TRUST_FILE])
def test_a_damaged_file_stops_the_start_with_its_name(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, service: str, file: str
) -> None:
    (ground.folder / file).write_text("damaged")

    with pytest.raises(BadSettings, match=file):
        ground.build(service, monkeypatch)


def test_a_gateway_needs_the_site_secret(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground.folder / SECRET_FILE).unlink()

    with pytest.raises(BadSettings, match="site secret"):
        ground.build("gateway", monkeypatch)


async def test_a_service_that_does_not_sign_does_not_start(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = ground.build("config", monkeypatch)
    bare = NatsBroker(NOBODY, logger=None)
    unsigned = Service(FastStream(bare), replaced(service, bare))

    with pytest.raises(BadSettings, match="does not sign"):
        await serve(unsigned)


def replaced(service: Service, broker: NatsBroker) -> ServiceContext:
    context = service.context
    return replace(context, bus=replace(context.bus, broker=broker))


ALONE = ("config", "replication", "failover_monitor", "node_selector")
"""Those without a port that people connect to."""


@pytest.mark.parametrize("service", ALONE)
async def test_a_service_without_nats_lives_says_why_and_ends_by_order(
    ground: Ground, service: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}"),
        env={"PATH": os.environ["PATH"], **ground.environment(service)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    output = b""
    async with asyncio.timeout(60):
        while b"NATS" not in output and not process.stdout.at_eof():
            output += await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output += await process.stdout.read()

    assert await process.wait() == 0
    assert b"NATS" in output
    assert b"Traceback" not in output


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("more", "content"),
    [
        ({"PSK": "short"}, b"the pre-shared key has 5 characters"),
        ({"NODE_NAME": "alpha"}, b"unknown variable MERIDIAN_NODE_NAME"),
    ],
)
async def test_what_cannot_be_used_ends_a_service_with_one_sentence(
    ground: Ground, service: str, more: dict[str, str], content: bytes
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"services.{service}"),
        env={"PATH": os.environ["PATH"], **ground.environment(service, **more)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 2
    assert output.startswith(content)
    assert len(output.splitlines()) == 1
