"""`python -m stack.demo`: tell the story; the last line is what was found, as one JSON object."""

import asyncio
import sys
import tempfile
from pathlib import Path

from shared.domain.errors import MeridianError
from stack.demo.narrator import Narrator
from stack.demo.outcome import Outcome
from stack.demo.story import Story
from stack.site import Site, SiteOptions


async def tell(narrator: Narrator, folder: Path) -> Outcome:
    """Start a site, tell the story on it with *folder* to work in, and give what was found."""
    outcome = Outcome()
    narrator.say("starting a site: two masters, a witness, three traffic nodes")
    async with Site.start(SiteOptions()) as site:
        narrator.say(f"the site is ready; {await site.primary()} is primary")
        await Story(site, folder, narrator, outcome).tell()
    return outcome


def main() -> int:
    """Tell the story; 0 when everything that was promised was kept."""
    narrator = Narrator()
    try:
        with tempfile.TemporaryDirectory(prefix="meridian-demo-") as name:
            folder = Path(name)
            folder.chmod(0o711)  # PostgreSQL runs as a user of its own and passes through
            outcome = asyncio.run(tell(narrator, folder))
    except (MeridianError, RuntimeError, EOFError, OSError) as error:
        narrator.say(f"the story broke off: {error}")
        outcome = Outcome()
    sys.stdout.write(outcome.line() + "\n")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main())
