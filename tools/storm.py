"""`make storm`: a site in a storm of hostile messages, and what came of it as one line of JSON."""

import asyncio
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

from stack.failure import StartFailed
from stack.site import Site, SiteOptions
from tests.system.storm.run import Outcome, aftermath, storm
from tests.system.storm.stage import staged

MESSAGES = 10_000


async def report(total: int, seed: int, home: Path) -> Outcome:
    """Storm a new site, and see what is left of it."""
    async with Site.start(SiteOptions()) as site, staged(site, home) as stage:
        outcome = await storm(stage, total, seed, say)
        try:
            await aftermath(stage, outcome, say)
        except (StartFailed, RuntimeError) as error:
            outcome.faults.append(f"the site is not what it was: {error}")
        return outcome


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Storm one site; exit 1 when something happened that must not."""
    total = int(os.environ.get("MESSAGES") or MESSAGES)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    say(f"a storm of {total} messages; again: make storm MESSAGES={total} SEED={seed}")
    with tempfile.TemporaryDirectory(prefix="meridian-storm-") as name:
        home = Path(name)
        home.chmod(0o711)  # PostgreSQL runs as a user of its own and passes through
        outcome = asyncio.run(report(total, seed, home))
    say(json.dumps(outcome.as_dict()))
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
