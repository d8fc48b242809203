"""NATS and PostgreSQL of a site: started together, and waited for.

A broker counts when it takes part in JetStream, a database when it takes connections.
"""

import asyncio
from collections.abc import Iterable

from stack import postgres, readiness
from stack.awaited import awaited
from stack.crew import NATS, POSTGRES, Crew
from stack.layout import NodeLayout


async def start_servers(crew: Crew, nodes: Iterable[NodeLayout]) -> None:
    """Start the NATS servers and the databases of *nodes*, making the databases first."""
    chosen = tuple(nodes)
    await asyncio.gather(*(crew.start(node, NATS) for node in chosen if node.nats))
    await asyncio.gather(*(_start_database(crew, node) for node in chosen if node.postgres))


async def wait_for_databases(crew: Crew, nodes: Iterable[NodeLayout], seconds: float) -> None:
    """Wait until the databases of *nodes* take connections."""
    probes = {
        (str(node.name), POSTGRES): readiness.postgres_probe(postgres.url(crew.layout, node))
        for node in nodes
        if node.postgres
    }
    await readiness.until(*awaited(crew, probes), seconds)


async def wait_for_brokers(crew: Crew, seconds: float) -> None:
    """Wait until every NATS server takes part in JetStream."""
    probes = {
        (str(node.name), NATS): readiness.http_probe(node.nats.monitor, "/healthz")
        for node in crew.layout.servers
        if node.nats
    }
    await readiness.until(*awaited(crew, probes), seconds)


async def _start_database(crew: Crew, node: NodeLayout) -> None:
    if not postgres.is_made(crew.layout, node):
        child = await crew.nursery.run(postgres.creation(crew.layout, node, crew.postgres))
        if await child.wait() != 0:
            raise readiness.failure_of(child)
    await crew.start(node, POSTGRES)
