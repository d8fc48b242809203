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
Each figure is the median of *n* rounds (what is counted is the sum), *p99* is given of 50 and more,
and *range* tells the smallest and the largest. Rounds of
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
    "selection": """*Selections per second*, *p99* and *cost*: one process, processor time of its
thread; 1,000 nodes in 37 time zones and 10,000 prefixes unless the row says otherwise; three nodes
are asked for. *Every node hashed* is the plain way, one SHA-256 for each node, in rounds that take
turns: it says how fast the machine was. *Balance*: the fullest of 100 equal nodes over their mean
after a million clients, with loads told every 1,000 clients. *Moved*: one of 100 nodes leaves.
*Geo answers*: name servers that answer by the client's network, over the 100 nodes and 10,000
networks of such a site, 64 questions in flight; the asker shares the machine's cores.
*Signed selections*: a whole site on one machine; callers, selectors and log servers share its
cores.""",
    "failover": """Two writers, one at each front door, stamp increasing numbers all along on one
machine with the preset `local`; each begins its next stamp 5 ms after the last, or as soon as that
is acknowledged.
*Failover*: from the blow to the first stamp that was acknowledged without the old primary.
*Process killed*: its services die. *Machine killed*: its NATS server and PostgreSQL die with them.
*Frozen*: SIGSTOP to all of these. *Cut off*: no packet passes between it and the other servers, nor
through its front door.
*Peers*: two PostgreSQL servers and a writer that goes wherever writes are accepted; the primary is
killed with its PostgreSQL. Patroni has one etcd, pg_auto_failover its monitor; both live on.
*Switchover*, of a site that started 15 s ago or earlier: the longest pause between two
acknowledgements around it; *nobody acts*: how long no master accepted changes.
*The log's leader killed*: the NATS server that leads the log's servers. No role moves, but changes
wait for the election.
*False failovers*: changes of primary, with a random process paused for 50 to 900 ms every 3 s, 3 %
of all packets lost and a busy program beside; *n* counts parts of at most five minutes.
*Acknowledged changes lost*: of *n* stamps that were acknowledged in the whole run.
*Changes* of a quiet site: `synchronous` waits for the backup, `degraded` has none.""",
    "sickness": """The same writers, while the primary lives and cannot do its work; nothing is
started again meanwhile. *No change accepted*: from the last stamp before the first pause of more
than 1 s to the first one after the last such pause, by whomever it is accepted; the longest time
between two stamps where there was none. What is still sick after 60 s is mended by hand.
*Disk full*: no free page for its database; a new site for each round. *Config dead*: SIGSTOP of one
process. *Database locked*: `LOCK TABLE` on the entries of the log, for Patroni on the table that is
written. *Log server out*: the disk of the log server beside the primary is full. Patroni has one
etcd; its database's disk is filled, or its table locked, in the same way.""",
}


def benchmarks_page(folder: Path = RESULTS) -> str:
    """One chapter for each file of *folder*, one table for each."""
    chapters = [_chapter(path) for path in sorted(folder.glob("*.json"))]
    return "\n".join([HEAD, *chapters])


def _chapter(path: Path) -> str:
    results: dict[str, Any] = json.loads(path.read_text())
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    lines = [f"## {path.stem}", ""]
    if path.stem in ABOUT:
        lines += [ABOUT[path.stem], ""]
    lines += [
        f"Machine: {machine}. Versions: {versions}.",
        "",
        *(line for note in results.get("notes", ()) for line in (note, "")),
        "| measure | subject | median | p99 | range | n | beside |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for measure, rows in groupby(results["rows"], key=lambda row: str(row["measure"])):
        lines += [_row("" if at else measure, row) for at, row in enumerate(rows)]
    return "\n".join([*lines, ""])


def _row(measure: str, row: dict[str, Any]) -> str:
    unit = f" {row['unit']}" if row["unit"] else ""
    beside = "" if row["ratio"] is None else f"{_figure(row['ratio'])} x {row['ratio_to']}"
    p99 = "" if row.get("p99") is None else _figure(row["p99"])
    span = f"{_figure(row['min'])} to {_figure(row['max'])}"
    return (
        f"| {measure} | {row['subject']} | {_figure(row['value'])}{unit} "
        f"| {p99} | {span} | {row['n']:,} | {beside} |"
    )


def _figure(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - from here on no decimals are needed
        return f"{value:,.0f}"
    return f"{value:.3g}"
