"""The findings of a health check of this master."""

from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Epoch, Instant, LogGeneration, Revision

AUTOMATIC_OFF: Final = "automatic failover is off"
"""The one veto that does not apply to a switchover, because an operator ordered that."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The result of one health check of this master.

    *failed_checks* bar this master from the lease altogether: its database or the log is not in
    order. *vetoes* only bar it from replacing another master: the operator does not want that, or
    this master is cut off. *epoch* is the largest in its own database and in the log. *revision*
    and *log_generation* are the position of that database. *pulse* is the time of config's last
    commit. *is_attached* says that changes wait for the backup.
    """

    failed_checks: tuple[str, ...] = ()
    vetoes: tuple[str, ...] = ()
    epoch: Epoch = Epoch(0)
    revision: Revision | None = None
    is_attached: bool = False
    pulse: Instant | None = None
    log_generation: LogGeneration | None = None


NOT_CHECKED = HealthReport(failed_checks=("this master has not checked itself yet",))
