"""NATS and PostgreSQL of a site: started together, and waited for.

A broker counts when it takes part in JetStream, a database when it takes connections.
"""

import asyncio
from collections.abc import Iterable

from stack import postgres, readiness
from stack.layout import NodeLayout
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.start_probes import start_probes


async def start_servers(processes: ProcessGroup, nodes: Iterable[NodeLayout]) -> None:
    """Start the NATS servers and the databases of *nodes*, making the databases first."""
    chosen = tuple(nodes)
    await asyncio.gather(*(processes.start(node, NATS) for node in chosen if node.nats))
    await asyncio.gather(*(_start_database(processes, node) for node in chosen if node.postgres))


async def wait_for_databases(
    processes: ProcessGroup, nodes: Iterable[NodeLayout], seconds: float
) -> None:
    """Wait until the databases of *nodes* take connections."""
    probes = {
        (str(node.name), POSTGRES): readiness.postgres_probe(postgres.url(processes.layout, node))
        for node in nodes
        if node.postgres
    }
    await readiness.until(*start_probes(processes, probes), seconds)


async def wait_for_brokers(processes: ProcessGroup, seconds: float) -> None:
    """Wait until every NATS server takes part in JetStream."""
    probes = {
        (str(node.name), NATS): readiness.http_probe(node.nats.monitor, "/healthz")
        for node in processes.layout.servers
        if node.nats
    }
    await readiness.until(*start_probes(processes, probes), seconds)


async def _start_database(processes: ProcessGroup, node: NodeLayout) -> None:
    if not postgres.is_made(processes.layout, node):
        child = await processes.fork_server.run(
            postgres.creation(processes.layout, node, processes.postgres)
        )
        if await child.wait() != 0:
            raise readiness.failure_of(child)
    await processes.start(node, POSTGRES)
