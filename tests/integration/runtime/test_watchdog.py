"""The watchdog in a process of its own: a blocked loop ends it, sleep does not."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shared.runtime.clock import SystemClock
from shared.runtime.watchdog import STALLED
from tests.integration.runtime.stalling import GRACE_SECONDS, GRANTED_SECONDS

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 20.0


@contextlib.asynccontextmanager
async def granted(how: str) -> AsyncGenerator[Process]:
    """A process whose grant has just begun."""
    command = (sys.executable, "-m", "tests.integration.runtime.stalling", how)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.stdout.readline() == b"granted\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def end_of(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, complained = await process.communicate()
    return process.returncode, output.decode(), complained.decode()


@pytest.mark.parametrize(
    ("how", "where"), [("hang", "hang_in_a_call"), ("compute", "compute_for_ever")]
)
async def test_a_loop_that_is_blocked_when_the_grant_ends_ends_the_process(
    how: str, where: str
) -> None:
    clock = SystemClock()
    async with granted(how) as process:
        began = clock.now()
        code, output, complained = await end_of(process)
    assert code == STALLED
    assert clock.now() - began >= GRANTED_SECONDS + GRACE_SECONDS - 0.1
    assert output == ""
    assert "the event loop does not run and the right to act as primary is over" in complained
    assert where in complained, "it says where the loop hangs"


async def test_a_loop_that_runs_steps_down_by_itself() -> None:
    async with granted("go_on") as process:
        assert await end_of(process) == (0, "stepped down\n", "")


async def test_a_process_that_was_stopped_beyond_its_grant_is_not_ended_for_that() -> None:
    async with granted("go_on") as process:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(GRANTED_SECONDS + 4 * GRACE_SECONDS)
        assert process.returncode is None
        process.send_signal(signal.SIGCONT)
        assert await end_of(process) == (0, "stepped down\n", "")


async def test_a_process_that_is_stopped_while_its_loop_is_blocked_is_ended_afterwards() -> None:
    async with granted("hang") as process:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(GRANTED_SECONDS + GRACE_SECONDS)
        process.send_signal(signal.SIGCONT)
        code, _, complained = await end_of(process)
    assert code == STALLED
    assert "hang_in_a_call" in complained
