"""`make bench`, `bench-failover` and `bench-selection`: measure, and write what was found.

Words after `-m bench` choose a file's parts. A file is written when all of its parts ran, so that
it never holds figures of two different hours. The parts of `failover` and `sickness` remember what
they have done until the report is written: what was interrupted goes on.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Final

from bench import nameservers, relay, selection, selection_asking, site
from bench.failover import run
from bench.results import Results

PARTS: Final[dict[str, Callable[[Results], None]]] = {
    "site.relay": relay.measure,
    "site.whole": lambda results: asyncio.run(site.measure(results)),
    "failover.changes": run.part(run.changes),
    "failover.switchovers": run.part(run.switchovers),
    "failover.blows": run.part(run.blows),
    "failover.peers": run.part(run.peers),
    "failover.calm": run.part(run.calm),
    "failover.report": run.report,
    "sickness.site": run.part(run.sick),
    "sickness.peers": run.part(run.sick_peers),
    "sickness.report": run.report,
    "selection.rankings": selection.rankings,
    "selection.sizes": selection.sizes,
    "selection.around": selection.around,
    "selection.balance": selection.balance,
    "selection.nameservers": nameservers.measure,
    "selection.asking": lambda results: asyncio.run(selection_asking.measure(results)),
}


def main() -> None:
    """Measure, print and write."""
    words = sys.argv[1:] or ["site"]
    chosen = [part for part in PARTS if any(f"{part}.".startswith(f"{word}.") for word in words)]
    if not chosen:
        sys.exit(f"bench: there is no part {' '.join(words)}; there are {', '.join(PARTS)}")
    for name in dict.fromkeys(part.partition(".")[0] for part in chosen):
        _file(name, [part for part in chosen if part.startswith(f"{name}.")])


def _file(name: str, chosen: list[str]) -> None:
    results = Results(name)
    for part in chosen:
        PARTS[part](results)
    for line in results.lines():
        sys.stdout.write(line + "\n")
    if chosen == [part for part in PARTS if part.startswith(f"{name}.")]:
        sys.stdout.write(f"wrote {results.write()}; `make docs` shows it\n")


if __name__ == "__main__":
    main()
