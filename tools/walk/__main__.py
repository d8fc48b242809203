"""Prints the walk of one change: `python -m tools.walk`."""

import asyncio
import sys

from tools.walk.trace import trace_change


def main() -> None:
    """Trace one change on a new site and print what it passed."""
    walk = asyncio.run(trace_change())
    for process, files in walk.by_process.items():
        sys.stdout.write(f"{process}\n" + "".join(f"  {file}\n" for file in files))
    sys.stdout.write(
        f"{len(walk.own_files)} files, {len(walk.files)} with those of bus and server\n"
    )


if __name__ == "__main__":
    main()
