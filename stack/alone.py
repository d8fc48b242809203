"""Restarts the NATS servers of a site as an operator does for a forced promotion, and after it."""

from stack import nats
from stack.damage import Damage
from stack.process_group import NATS


async def restart_alone(site: Damage, name: str) -> None:
    """Start the NATS server of *name* anew: in no cluster, with an empty store."""
    node = site.processes.layout.node(name)
    await site.kill_service(name, NATS)
    nats.start_alone(site.processes.layout, node)
    await site.processes.start(node, NATS)


async def rejoin_empty(site: Damage) -> None:
    """Start every NATS server anew as one cluster, each with an empty store."""
    await site.lose_the_log()
    for node in site.processes.layout.servers:
        nats.rejoin(site.processes.layout, node)
        await site.processes.start(node, NATS)
