"""Every import contract of `pyproject.toml` is broken once on purpose, and must notice."""

import tomllib
from typing import Any

import grimp
import pytest
from importlinter import Contract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract

from tests.architecture.sources import ROOT
from tools.imports import IMPURE, AllowedImports, group_of

BREACHES = [
    ("Services never import one another", "services.relay.app", "services.config.core"),
    ("Inside a service, imports point inward", "services.relay.core", "services.relay.handlers"),
    ("Inside a service, imports point inward", "services.relay.handlers", "services.relay.app"),
    ("Inside shared, imports point down", "shared.domain.ids", "shared.documents.site"),
    ("Inside shared, imports point down", "shared.documents.site", "shared.events.node"),
    ("Inside shared, imports point down", "shared.crypto", "shared.wire"),
    ("Inside shared, imports point down", "shared.crypto", "shared.messaging"),
    ("Inside shared, imports point down", "shared.messaging", "shared.clusterlog"),
    ("Inside shared, imports point down", "shared.persistence", "shared.clusterlog"),
    ("Inside shared, imports point down", "shared.clusterlog", "shared.runtime"),
    ("shared knows no service, client or stack", "shared.runtime", "services.config"),
    ("shared knows no service, client or stack", "shared.runtime", "clients.cli"),
    ("shared knows no service, client or stack", "shared.settings", "stack"),
    ("Inside shared, imports point down", "shared.decoding.text", "shared.domain.ids"),
    ("shared.decoding is pure, and stands below everything", "shared.decoding.text", "os"),
    ("shared.decoding is pure, and stands below everything", "shared.decoding.text", "pydantic"),
    ("shared.domain is pure", "shared.domain.ids", "time"),
    ("shared.domain is pure", "shared.domain.ids", "pydantic"),
    ("shared.documents is pure, and declared with pydantic", "shared.documents.site", "asyncio"),
    ("shared.documents is pure, and declared with pydantic", "shared.documents.hosts", "httpx"),
    ("shared.events is pure, and declared with pydantic", "shared.events.node", "shared.crypto"),
    ("shared.api carries no message of the bus", "shared.api.sessions", "shared.events.session"),
    ("shared.api carries no message of the bus", "shared.api.client", "fastapi"),
    ("shared.crypto knows keys, not messages", "shared.crypto.keys", "shared.documents.site"),
    ("shared.crypto knows keys, not messages", "shared.crypto.keys", "nats"),
    ("shared.wire is pure", "shared.wire.codec", "asyncio"),
    ("shared.wire is pure", "shared.wire.codec", "shared.crypto"),
    ("shared.messaging speaks NATS", "shared.messaging.broker", "asyncpg"),
    ("shared.messaging speaks NATS", "shared.messaging.broker", "asyncpg"),
    ("shared.clusterlog speaks NATS", "shared.clusterlog.log", "shared.events.node"),
    ("shared.persistence speaks PostgreSQL", "shared.persistence.pool", "shared.crypto"),
    ("shared.persistence speaks PostgreSQL", "shared.persistence.pool", "nats"),
    ("A service knows itself and shared", "services.gateway.app", "clients.tunnel"),
    ("A service knows itself and shared", "services.gateway.app", "stack"),
    ("A service knows itself and shared", "services.gateway.app", "services.config.settings"),
    ("A core is pure", "services.relay.core.admission", "shared.messaging"),
    ("A core is pure", "services.relay.core.admission", "services.relay.settings"),
    ("A core is pure", "services.relay.core.admission", "random"),
    ("A core is pure", "services.relay.core", "faststream"),
    (
        "A room's core is pure, and may use its service's core",
        "services.gateway.sessions.core.queue",
        "asyncio",
    ),
    (
        "A room's core is pure, and may use its service's core",
        "services.gateway.sessions.core",
        "shared.messaging",
    ),
    (
        "A room's core is pure, and may use its service's core",
        "services.gateway.sessions.core.queue",
        "services.gateway.sessions.view",
    ),
    (
        "A room's core is pure, and may use its service's core",
        "services.gateway.backups.core",
        "services.gateway.conflicts.core",
    ),
    (
        "A room knows its own service",
        "services.relay.data_plane.pump",
        "stack",
    ),
    (
        "A room knows its own service",
        "services.relay.data_plane.pump",
        "services.relay.app",
    ),
    (
        "A room knows its own service",
        "services.relay.data_plane",
        "services.relay.handlers",
    ),
    (
        "A room knows its own service",
        "services.relay.handlers",
        "services.relay.app",
    ),
    ("Clients speak HTTPS and the relay protocol", "clients.cli", "services.config.settings"),
    ("Clients speak HTTPS and the relay protocol", "clients.cli", "shared.messaging"),
    ("Clients speak HTTPS and the relay protocol", "clients.cli", "nats"),
    ("Inside clients, imports point down", "clients.session.live", "clients.cli.share"),
    ("Inside clients, imports point down", "clients.endpoint.endpoint", "clients.session.live"),
    ("Inside clients, imports point down", "clients.files.site_file", "clients.events.keys"),
    ("The tunnel is pure", "clients.tunnel.record", "asyncio"),
    ("The tunnel is pure", "clients.tunnel.record", "clients.cli"),
    ("meridian events also reads events from NATS", "clients.events", "stack"),
    ("meridian up also starts a stack", "clients.cli.up", "shared.events.node"),
    (
        "The stack starts processes and knows nothing inside them",
        "stack.site",
        "services.config.app",
    ),
    ("The stack starts processes and knows nothing inside them", "stack.demo", "clients.cli"),
    (
        "What is decided about a site in containers is pure",
        "stack.containers.core.plan",
        "stack.containers.engine",
    ),
    ("What is decided about a site in containers is pure", "stack.containers.core.facts", "os"),
]
ALLOWED = [
    ("shared.domain is pure", "shared.domain.log", "hashlib"),
    ("shared.domain is pure", "shared.domain.log", "shared.domain.ids"),
    ("shared.documents is pure, and declared with pydantic", "shared.documents.hosts", "idna"),
    ("A core is pure", "services.relay.core.admission", "services.relay.core.state"),
    ("A core is pure", "services.relay.core.admission", "shared.wire.codec"),
    (
        "A room's core is pure, and may use its service's core",
        "services.gateway.sessions.core.queue",
        "services.gateway.core.roles",
    ),
    (
        "A room knows its own service",
        "services.config.write.log",
        "services.config.core",
    ),
    (
        "A room knows its own service",
        "services.config.repair",
        "services.config.write",
    ),
    (
        "A room knows its own service",
        "services.failover_monitor.lease",
        "nats",
    ),
    ("Clients speak HTTPS and the relay protocol", "clients.events", "nats"),
    ("Clients speak HTTPS and the relay protocol", "clients.cli", "httpx"),
    ("meridian up also starts a stack", "clients.cli.up", "stack.site"),
    (
        "The stack starts processes and knows nothing inside them",
        "stack.site",
        "services.relay.settings",
    ),
]
TYPES: dict[str, type[Contract]] = {
    "allowed": AllowedImports,
    "independence": IndependenceContract,
    "layers": LayersContract,
}
CONFIGURED: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS = {contract["name"]: contract for contract in CONFIGURED["importlinter"]["contracts"]}

SESSION: dict[str, Any] = {"root_packages": CONFIGURED["importlinter"]["root_packages"]}


def judge(name: str, importer: str, imported: str) -> bool:
    """Say whether a project with this one import keeps the contract *name*."""
    graph = grimp.ImportGraph()
    for module in (importer, imported):
        names = module.split(".")
        for depth in range(1, len(names) + 1):
            graph.add_module(".".join(names[:depth]))
    graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="-")
    options = {key: _text(value) for key, value in CONTRACTS[name].items() if key != "type"}
    contract = TYPES[CONTRACTS[name]["type"]](name, SESSION, options)
    return contract.check(graph, verbose=False).kept


def _text(value: object) -> object:
    """Write truth as import-linter's own reader of TOML does."""
    return str(value) if isinstance(value, bool) else value


def test_every_contract_is_broken_by_some_breach() -> None:
    assert {name for name, _, _ in BREACHES} == set(CONTRACTS)


@pytest.mark.parametrize(("name", "importer", "imported"), BREACHES)
def test_a_breach_is_noticed(name: str, importer: str, imported: str) -> None:
    assert not judge(name, importer, imported)


@pytest.mark.parametrize(("name", "importer", "imported"), ALLOWED)
def test_what_the_table_allows_is_allowed(name: str, importer: str, imported: str) -> None:
    assert judge(name, importer, imported)


@pytest.mark.parametrize("module", sorted(IMPURE))
def test_what_is_impure_is_a_module_of_the_standard_library(module: str) -> None:
    assert group_of(module) == "stdlib"
