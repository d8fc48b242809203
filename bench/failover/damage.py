"""How the primary of a site is hurt: processes killed, machine killed, frozen, cut off."""

import time

from bench.failover.network import Cut
from bench.failover.rounds import Blow
from stack.layout import MASTER_SERVICES
from stack.site import Site

SERVICES = tuple(service for service in MASTER_SERVICES if service != "relay")
"""What of a primary is killed: its NATS server, PostgreSQL and relay live on."""


def processes_killed(site: Site) -> Blow:
    """SIGKILL of every service that takes part in a change."""

    async def strike(node: str) -> float:
        moment = time.monotonic()
        await site.processes.kill(site.processes.of(node, *SERVICES))
        return moment

    async def mend(node: str) -> None:
        for service in SERVICES:
            await site.start_service(node, service)
        await site.wait_ready()

    return Blow("process killed", strike, mend)


def machine_killed(site: Site) -> Blow:
    """SIGKILL of everything, the NATS server and PostgreSQL too."""

    async def strike(node: str) -> float:
        moment = time.monotonic()
        await site.kill_master(node)
        return moment

    async def mend(node: str) -> None:
        await site.start_master(node)

    return Blow("machine killed", strike, mend)


def frozen(site: Site) -> Blow:
    """SIGSTOP of everything, and SIGCONT when another is primary."""

    async def strike(node: str) -> float:
        site.freeze(node)
        return time.monotonic()

    async def mend(node: str) -> None:
        site.thaw(node)
        await site.wait_ready()

    return Blow("frozen", strike, mend)


def cut_off(site: Site) -> Blow:
    """Nothing reaches the node from others or from people, and nothing leaves it."""
    cuts: dict[str, Cut] = {}

    async def strike(node: str) -> float:
        cuts[node] = Cut.around(site.layout, node)
        moment = time.monotonic()
        await cuts[node].fall()
        return moment

    async def mend(node: str) -> None:
        await cuts.pop(node).heal()
        await site.wait_ready()

    return Blow("cut off", strike, mend)


BLOWS = {
    "process killed": processes_killed,
    "machine killed": machine_killed,
    "frozen": frozen,
    "cut off": cut_off,
}
