"""Runs the demonstration (`python -m stack.demo`); the last line is its outcome, as JSON."""

import asyncio
import sys
import tempfile
from pathlib import Path

from shared.domain.errors import MeridianError
from stack.demo.narrator import Narrator
from stack.demo.outcome import Outcome
from stack.demo.scenario import Scenario
from stack.site import Site, SiteOptions


async def run_demo(narrator: Narrator, folder: Path) -> Outcome:
    """Start a site, run the scenario on it with *folder* to work in, and give the outcome."""
    outcome = Outcome()
    narrator.say("starting a site: two masters, a witness, three traffic nodes")
    async with Site.start(SiteOptions()) as site:
        narrator.say(f"the site is ready; {await site.primary()} is primary")
        await Scenario(site, folder, narrator, outcome).run()
    return outcome


def main() -> int:
    """Run the demonstration; 0 when it lost nothing."""
    narrator = Narrator()
    try:
        with tempfile.TemporaryDirectory(prefix="meridian-demo-") as name:
            folder = Path(name)
            folder.chmod(0o711)  # PostgreSQL runs as a user of its own and passes through
            outcome = asyncio.run(run_demo(narrator, folder))
    except (MeridianError, RuntimeError, EOFError, OSError) as error:
        narrator.say(f"the demonstration broke off: {error}")
        outcome = Outcome()
    sys.stdout.write(outcome.line() + "\n")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main())
