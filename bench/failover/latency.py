"""How long a change takes while a backup confirms it and without one, and how many go at once."""

from typing import Final

from bench.changes import CHANGES, ROUNDS, WRITERS, burst, quantile
from bench.failover.ledger import Ledger
from bench.people import Administrator, administrator
from shared.domain.log import ReplicationMode
from stack.site import Site, SiteOptions

SHARES: Final = (("p50", 0.5), ("p99", 0.99))


async def changes(ledger: Ledger) -> None:
    """Changes of a quiet site, then of one whose backup's machine is dead."""
    if ledger.count("change latency p50", ReplicationMode.DEGRADED.value):
        return
    options = SiteOptions(patience_seconds=120.0)
    async with Site.start(options) as site, administrator(site) as admin:
        await _until(admin, ReplicationMode.SYNCHRONOUS)
        await _latency(ledger, admin, ReplicationMode.SYNCHRONOUS)
        for writers in WRITERS:
            rates = [await burst(admin, writers) for _ in range(ROUNDS)]
            ledger.add("changes per second", f"{writers} writers", rates, "1/s")
        primary = await site.primary()
        backup = next(node.name for node in site.layout.masters if node.name != primary)
        await site.kill_master(backup)
        await _until(admin, ReplicationMode.DEGRADED)
        await _latency(ledger, admin, ReplicationMode.DEGRADED)
    ledger.save()


async def _until(admin: Administrator, mode: ReplicationMode) -> None:
    """Make changes until they are confirmed in that *mode*."""
    while await admin.mode() is not mode:
        pass


async def _latency(ledger: Ledger, admin: Administrator, mode: ReplicationMode) -> None:
    rounds = [[(await admin.change())[0] * 1e3 for _ in range(CHANGES)] for _ in range(ROUNDS)]
    for name, share in SHARES:
        values = [quantile(each, share) for each in rounds]
        ledger.add(f"change latency {name}", mode.value, values, "ms")
