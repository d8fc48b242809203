"""The hook as a command of this machine, told of the new primary by its environment.

It gets nothing of the service's own environment but the path, so no secret. Its words are kept in
a file and not in a pipe: what it leaves running in the background holds nothing up.
"""

import asyncio
import os
import signal
import tempfile
from contextlib import suppress
from typing import BinaryIO, Final

from services.failover_monitor.redirection.core import Wish
from shared.domain.errors import RedirectionFailed

LAST_WORDS_BYTES: Final = 300


async def run_command(command: tuple[str, ...], wish: Wish) -> None:
    """Run *command* to its end; it is killed with all that it started when this is cancelled.

    Raises:
        RedirectionFailed: it cannot be started, or ended with another code than 0.
    """
    with tempfile.TemporaryFile() as words:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=words,
                env=told(wish),
                start_new_session=True,
            )
        except OSError as error:
            raise RedirectionFailed(
                f"the hook {command[0]} cannot be started: {error.strerror}"
            ) from error
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        if code:
            raise RedirectionFailed(f"the hook {command[0]} ended with {code}{_last_words(words)}")


def told(wish: Wish) -> dict[str, str]:
    """What a command learns."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "REDIRECTION_SITE": wish.site,
        "REDIRECTION_NODE": wish.node,
        "REDIRECTION_EPOCH": str(wish.epoch),
        "REDIRECTION_GATEWAY_URL": wish.gateway_url,
    }


def _last_words(words: BinaryIO) -> str:
    """The end of what it said, in one line."""
    words.seek(0, os.SEEK_END)
    words.seek(max(0, words.tell() - LAST_WORDS_BYTES))
    said = words.read().decode(errors="replace").split()
    return ": " + " ".join(said) if said else ""
