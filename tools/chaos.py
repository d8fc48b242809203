"""`make chaos MINUTES=10 SEED=7`: a site in chaos, and what came of it as one line of JSON."""

import asyncio
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

from tests.system.chaos.run import run_chaos


def main() -> None:
    """Run chaos once; exit 1 when something happened that must not."""
    minutes = float(os.environ.get("MINUTES") or 5)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    print(f"chaos for {minutes:g} minutes; again: make chaos MINUTES={minutes:g} SEED={seed}")
    with tempfile.TemporaryDirectory() as home:
        outcome = asyncio.run(run_chaos(minutes * 60, seed, Path(home), print))
    print(json.dumps(outcome.as_dict()))
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
