"""`make bench`: measure a whole site and write what was found."""

import asyncio
import sys

from bench import site
from bench.results import Results


def main() -> None:
    """Measure, print and write."""
    results = Results("site")
    asyncio.run(site.measure(results))
    for line in results.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"wrote {results.write()}\n")


if __name__ == "__main__":
    main()
