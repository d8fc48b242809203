"""`make storm`: a site in a storm of hostile messages, and what came of it as one line of JSON."""

import asyncio
import json
import os
import secrets
import sys

from stack.site import Site, SiteOptions
from tests.system.storm.story import Outcome, storm

MESSAGES = 10_000


async def tell(total: int, seed: int) -> Outcome:
    async with Site.start(SiteOptions()) as site:
        return await storm(site, total, seed, print)


def main() -> None:
    """Storm one site; exit 1 when something happened that must not."""
    total = int(os.environ.get("MESSAGES") or MESSAGES)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    print(f"a storm of {total} messages; again: make storm MESSAGES={total} SEED={seed}")
    outcome = asyncio.run(tell(total, seed))
    print(json.dumps(outcome.as_dict()))
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
