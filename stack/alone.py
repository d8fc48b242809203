"""What an operator does to the NATS servers of a site for a forced promotion, and after it."""

from stack import nats
from stack.crew import NATS
from stack.damage import Damage


async def restart_alone(site: Damage, name: str) -> None:
    """Start the NATS server of *name* anew: in no cluster, with an empty store."""
    node = site.crew.layout.node(name)
    await site.kill_service(name, NATS)
    nats.leave(site.crew.layout, node)
    await site.crew.start(node, NATS)


async def rejoin_empty(site: Damage) -> None:
    """Start every NATS server anew as one cluster, each with an empty store."""
    await site.lose_the_log()
    for node in site.crew.layout.servers:
        nats.rejoin(site.crew.layout, node)
        await site.crew.start(node, NATS)
