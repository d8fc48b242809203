"""Writes `docs/benchmarks.md` from the files that the benchmarks leave in `bench/results`."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "bench" / "results"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
HEAD: Final = """# Figures

Made by `make docs` from `bench/results`; `make bench` measures again and writes those files.
Each figure is the median of *n* rounds, and *range* tells the smallest and the largest. Rounds of
what is compared take turns within one run on one machine, so the ratios mean more than the figures.
Figures that are bad stand here too.
"""
ABOUT: Final = {
    "site": """Everything runs on one machine over loopback.
*Relay* rows: one connection through one process that is pinned to one core, without the tunnel; the
peers are proxies of the distribution as they come, with TCP forwarding and nothing else.
*Tunnel* rows: `meridian share` and `meridian connect` with the traffic node between them, encrypted
end to end; its CPU time is that of each process for a gigabyte.
*Change* rows: REST, from the request to the answer, with three log servers that write to disk
before they answer, and both databases.
*Propagation*: until the last traffic node has stored the change.
*Signed requests*: one asker with 32 questions open; it shares the cores with every selector, so
on two cores more selectors add little.""",
    "failover": """People change documents all along on one machine, with the preset `local`.
*Switchover*: the longest pause between two acknowledgements around it.
*Process killed*: the primary's services die, its NATS server and database live.
*Machine killed*: those die with them. Both are the time until a change that was first proposed
after it is accepted elsewhere. No peer was measured beside it.""",
}


def benchmarks_page(folder: Path = RESULTS) -> str:
    """One chapter for each file of *folder*, one table for each."""
    chapters = [_chapter(path) for path in sorted(folder.glob("*.json"))]
    return "\n".join([HEAD, *chapters])


def _chapter(path: Path) -> str:
    told: dict[str, Any] = json.loads(path.read_text())
    machine = ", ".join(f"{name} {value}" for name, value in told["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in told["versions"].items())
    lines = [f"## {path.stem}", ""]
    if path.stem in ABOUT:
        lines += [ABOUT[path.stem], ""]
    lines += [
        f"Machine: {machine}. Versions: {versions}.",
        "",
        "| measure | subject | median | range | n | beside |",
        "|---|---|---:|---:|---:|---|",
    ]
    for measure, rows in groupby(told["rows"], key=lambda row: str(row["measure"])):
        lines += [_row("" if at else measure, row) for at, row in enumerate(rows)]
    return "\n".join([*lines, ""])


def _row(measure: str, row: dict[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    beside = "" if row["ratio"] is None else f"{_figure(row['ratio'])} x {row['ratio_to']}"
    span = f"{_figure(row['min'])} to {_figure(row['max'])}"
    return (
        f"| {measure} | {row['subject']} | {_figure(row['value'])}{unit} "
        f"| {span} | {row['n']} | {beside} |"
    )


def _figure(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - from here on no decimals are needed
        return f"{value:,.0f}"
    return f"{value:.3g}"
