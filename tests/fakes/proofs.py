"""Proofs of services that all work at one moment."""

from dataclasses import replace

from services.failover_monitor.core.fitness import CONFIG, GATEWAY, REPLICATION, Proof
from services.failover_monitor.core.health import HealthReport
from shared.domain.ids import Epoch, Instant


def working(now: Instant, epoch: Epoch = Epoch(0)) -> tuple[Proof, ...]:
    """Every service worked at *now*; config accepts changes in *epoch*."""
    services = (CONFIG, REPLICATION, GATEWAY)
    return tuple(
        Proof(service, now, now, epoch=epoch if service == CONFIG else Epoch(0))
        for service in services
    )


def with_working_services(
    report: HealthReport, now: Instant, epoch: Epoch = Epoch(0)
) -> HealthReport:
    """*report* with proofs of services that work, unless it has proofs."""
    return report if report.proofs else replace(report, proofs=working(now, epoch))
