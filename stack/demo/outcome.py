"""The outcome of the demonstration, as its last line reports it."""

import json
from dataclasses import asdict, dataclass


@dataclass
class Outcome:
    """The figures; seconds are from the SIGKILL. `ok` is the whole promise at once."""

    ok: bool = False
    bytes: int = 0
    sha256_equal: bool = False
    failover_seconds: float | None = None
    resume_seconds: float | None = None
    sessions_lost: int = 0
    changes_acknowledged: int = 0
    changes_lost: int = 0
    pgbench_transactions: int = 0
    pgbench_failed: bool = True

    def judge(self) -> None:
        """Decide `ok` from the rest."""
        self.ok = (
            self.sha256_equal
            and not self.pgbench_failed
            and self.sessions_lost == 0
            and self.changes_lost == 0
            and self.changes_acknowledged > 0
            and self.failover_seconds is not None
            and self.resume_seconds is not None
        )

    def line(self) -> str:
        figures = {
            name: round(value, 2) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }
        return json.dumps(figures)
