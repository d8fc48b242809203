"""Runs the hook as a command of this machine; its environment names the new primary.

Of the service's own environment it gets only the path, so no secret. Its error output goes to a
file and not to a pipe, so that a process which it leaves in the background delays nothing.
"""

import asyncio
import os
import signal
import tempfile
from contextlib import suppress
from typing import BinaryIO, Final

from services.failover_monitor.redirection.core import DesiredState
from shared.domain.errors import RedirectionFailed

OUTPUT_BYTES: Final = 300
"""How much of the end of the error output goes into the cause of a failure."""


async def run_command(command: tuple[str, ...], desired: DesiredState) -> None:
    """Run *command* to its end; it is killed with all that it started when this is cancelled.

    Raises:
        RedirectionFailed: it cannot be started, or ended with another code than 0.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=output,
                env=environment(desired),
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
            raise RedirectionFailed(f"the hook {command[0]} ended with {code}{_last_line(output)}")


def environment(desired: DesiredState) -> dict[str, str]:
    """Build the environment of the command."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "REDIRECTION_SITE": desired.site,
        "REDIRECTION_NODE": desired.node,
        "REDIRECTION_EPOCH": str(desired.epoch),
        "REDIRECTION_GATEWAY_URL": desired.gateway_url,
    }


def _last_line(output: BinaryIO) -> str:
    """Return the end of the error output, in one line."""
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - OUTPUT_BYTES))
    words = output.read().decode(errors="replace").split()
    return ": " + " ".join(words) if words else ""
