"""The findings of a health check of this master."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.failover_monitor.core.fitness import Proof, ServiceFault
from shared.domain.ids import Epoch, LogGeneration, Revision

AUTOMATIC_OFF: Final = "automatic failover is off"
"""The one veto that does not apply to a switchover, because an operator ordered that."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The result of one health check of this master.

    *failed_checks* bar this master from the lease altogether: its database, its config or the log
    is not in order. *service_faults* and *vetoes* only bar it from replacing another master: a
    service shows no sign of life; the operator does not want that, or this master is cut off.
    *epoch* is the largest in its own database and in the log. *revision* and *log_generation* are
    the position of that database. *proofs* are the last ones of its services. *is_attached* says
    that changes wait for the backup.
    """

    failed_checks: tuple[str, ...] = ()
    service_faults: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    epoch: Epoch = Epoch(0)
    revision: Revision | None = None
    is_attached: bool = False
    proofs: tuple[Proof, ...] = ()
    log_generation: LogGeneration | None = None

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Return everything that bars this master from replacing another one."""
        return self.failed_checks + self.service_faults + self.vetoes

    def with_faults(self, faults: Sequence[ServiceFault]) -> "HealthReport":
        """Return this report with the *faults* of the services, vital ones as failed checks."""
        vital = tuple(fault.text for fault in faults if fault.need.is_vital)
        others = tuple(fault.text for fault in faults if not fault.need.is_vital)
        return replace(self, failed_checks=self.failed_checks + vital, service_faults=others)


NOT_CHECKED = HealthReport(failed_checks=("this master has not checked itself yet",))
