"""What an operator does again and again until the site is whole."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from tests.system.people import run_meridian

AGAIN_SECONDS = 2.0
LOST_AFTER = 90.0
"""The followers call a log lost that was short for 20 s; the servers need a moment to elect."""


async def rebuilt(env: dict[str, str], *options: str) -> str:
    """Run `meridian log rebuild` until it is done; its output."""
    answer = ""
    try:
        async with asyncio.timeout(LOST_AFTER):
            while True:
                code, answer = await run_meridian(
                    env, "log", "rebuild", "--reason", "it burnt", *options
                )
                if code == 0:
                    return answer
                await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"the log is not rebuilt: {answer}") from error


async def resynced(env: dict[str, str], node: str) -> str:
    """Have *node* take the site's history; the conflict that it keeps then."""
    async with asyncio.timeout(LOST_AFTER):
        while True:
            await run_meridian(env, "sync", "--resync", node)
            _, words = await run_meridian(env, "conflicts", "list", "--json")
            with suppress(ValueError):
                for each in json.loads(words)["conflicts"]:
                    return str(each["id"])
            await asyncio.sleep(AGAIN_SECONDS)


async def exported(env: dict[str, str], conflict: str, file: Path) -> str:
    """What the file says that *conflict* was exported to."""
    code, words = await run_meridian(env, "conflicts", "export", conflict, str(file))
    assert code == 0, words
    return file.read_text()
