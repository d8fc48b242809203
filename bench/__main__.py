"""`make bench` and `make bench-failover`: measure, and write what was found."""

import asyncio
import sys
from typing import Final

from bench import failover, site
from bench.results import Results

MEASURES: Final = {"site": site.measure, "failover": failover.measure}


def main() -> None:
    """Measure, print and write."""
    what = sys.argv[1] if len(sys.argv) > 1 else "site"
    results = Results(what)
    asyncio.run(MEASURES[what](results))
    for line in results.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"wrote {results.write()}\n")


if __name__ == "__main__":
    main()
