"""The parts of a run that are done, in a file beside the results until all of them are.

Values are only ever added by whole chunks, each with the losses that were looked for at its end.
A run belongs to one boot of one machine, one commit and one wish; anything else begins anew.
"""

import contextlib
import json
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.runtime.clock import kernel_boot_id

Key = tuple[str, str]


@dataclass
class Series:
    """The values of one measure of one subject so far."""

    values: list[float] = field(default_factory=list[float])
    unit: str = "s"


@dataclass
class Ledger:
    """What a run has found so far: values by measure and subject, and sentences about them."""

    path: Path
    run: str
    of: dict[str, Any]
    begun: str
    series: dict[Key, Series] = field(default_factory=dict[Key, Series])
    notes: list[str] = field(default_factory=list[str])
    is_reported: bool = False

    @classmethod
    def open(cls, path: Path, options: dict[str, Any]) -> "Ledger":
        """The run with that *options* which was interrupted on this boot, or a new one."""
        of = {**options, "boot": kernel_boot_id()}
        stored: dict[str, Any] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            stored = json.loads(path.read_text())
        if stored.get("of") != of or stored.get("is_reported"):
            now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
            return cls(path, secrets.token_hex(4), of, now)
        series = {(m, s): Series(values, unit) for m, s, values, unit in stored["series"]}
        return cls(path, stored["run"], of, stored["begun"], series, stored["notes"])

    def count(self, measure: str, subject: str) -> int:
        """How many values there are."""
        return len(self.values(measure, subject))

    def values(self, measure: str, subject: str) -> list[float]:
        found = self.series.get((measure, subject))
        return [] if found is None else found.values

    def add(self, measure: str, subject: str, values: list[float], unit: str = "s") -> None:
        """Keep *values*; they are on disk after `save`."""
        self.series.setdefault((measure, subject), Series(unit=unit)).values.extend(values)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def save(self) -> None:
        """Write everything, whole or not at all."""
        stored: dict[str, Any] = asdict(self)
        stored["series"] = [[*key, each.values, each.unit] for key, each in self.series.items()]
        stored["path"] = str(self.path)
        self.path.parent.mkdir(exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(stored))
        draft.rename(self.path)
        kept = sum(len(series.values) for series in self.series.values())
        sys.stdout.write(f"run {self.run}: {kept} values kept\n")
        sys.stdout.flush()
