"""`make soak SECONDS=1800 LOAD=10`: a site on a busy machine with a slow disk, and a judge.

LOAD programs never rest, and every write to a disk takes up to 0.3 s longer (`tools.slow_disk`).
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.system.soak.run import Trouble, run_soak
from tools import slow_disk

SWITCH: Final = "SOAK_SWITCH"


def main() -> None:
    """Soak one site; exit 1 when the role moved, or a change was lost."""
    switch = os.environ.get(SWITCH)
    if switch is None and not slow_disk.missing():
        _run_again()
    seconds = float(os.environ.get("SECONDS") or 1800)
    load = int(os.environ.get("LOAD") or 10)
    if switch is None:
        say(f"the disk is as fast as ever: {slow_disk.missing()}")
    trouble = Trouble(seconds, load, Path(switch) if switch else None)
    outcome = asyncio.run(run_soak(trouble, say))
    say(json.dumps(outcome.as_dict()))
    sys.exit(bool(outcome.faults))


def say(line: str) -> None:
    print(line, flush=True)


def _run_again() -> None:
    """Run this program where the disk is slow while a file is there; ends with its code."""
    with tempfile.TemporaryDirectory(prefix="meridian-soak-") as folder:
        switch = Path(folder) / "slow"
        words = slow_disk.words_of(switch, (sys.executable, "-m", "tools.soak"))
        done = subprocess.run(words, env={**os.environ, SWITCH: str(switch)}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
