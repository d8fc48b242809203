"""One round after another: wait until all is well, hurt the primary, wait for the next one.

What is measured is the time from the blow to the first stamp that was acknowledged without the
old primary; of a primary that is only sick, the time for which no stamp is accepted by anybody. A
chunk of rounds ends with a look for every stamp that was ever acknowledged.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from bench.failover.stamps import History

LOOK_SECONDS: Final = 0.002
AGAIN_LOOK_SECONDS: Final = 0.1
FAILED_SECONDS: Final = 180.0
"""A takeover that takes longer than this is none; the run ends with an error."""

QUIET_SECONDS: Final = 0.6
PHASE_SECONDS: Final = 0.5
"""So long all is well before a blow, and it falls at any moment of so long after that."""


SICK_SECONDS: Final = 60.0
"""A primary is sick for so long, unless stamps are accepted again before; then it is mended."""


class Subject(Protocol):
    """Something with a primary, a backup and writers."""

    history: History

    async def settled(self) -> str:
        """Wait until a primary has a backup that would follow it; its name."""
        ...

    async def found(self) -> Collection[int]:
        """The stamps that the primary has."""
        ...


async def _at_once(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Blow:
    """How a primary is hurt, and how it comes back; both are told its name.

    *strike* gives the moment of the blow; what had to be found out before is not counted.
    *is_felt* says whether it has had its effect: a full disk has none while pages have room.
    """

    name: str
    strike: Callable[[str], Awaitable[float]]
    mend: Callable[[str], Awaitable[None]]
    is_felt: Callable[[str], Awaitable[bool]] = _at_once


async def fail_over(subject: Subject, blow: Blow, phase_seconds: float = PHASE_SECONDS) -> float:
    """Hurt the primary once, at any moment of *phase_seconds*: seconds until the next accepts."""
    primary = await subject.settled()
    await asyncio.sleep(QUIET_SECONDS + random.uniform(0.0, phase_seconds))  # noqa: S311 - a phase, no secret
    struck = await blow.strike(primary)
    try:
        async with asyncio.timeout(FAILED_SECONDS):
            return await _accepted_without(subject.history, primary, struck) - struck
    finally:
        await blow.mend(primary)


async def accept_again(subject: Subject, blow: Blow, phase_seconds: float = PHASE_SECONDS) -> float:
    """Make the primary sick once: for how many seconds no stamp is accepted, until they are again.

    A subject that does nothing about it is mended after `SICK_SECONDS`, and waited for.
    """
    primary = await subject.settled()
    await asyncio.sleep(QUIET_SECONDS + random.uniform(0.0, phase_seconds))  # noqa: S311 - a phase, no secret
    struck = await blow.strike(primary)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SICK_SECONDS):
                while not await blow.is_felt(primary):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(AGAIN_LOOK_SECONDS)
                return await _until_accepted(subject.history, struck)
    finally:
        await blow.mend(primary)
    async with asyncio.timeout(FAILED_SECONDS):
        return await _until_accepted(subject.history, struck)


async def _until_accepted(history: History, since: float) -> float:
    """Wait until stamps are accepted for good after *since*; for how long none was."""
    while True:
        seconds = history.time_until_accepted(since)
        if seconds is not None:
            return seconds
        await asyncio.sleep(AGAIN_LOOK_SECONDS)


async def _accepted_without(history: History, server: str, since: float) -> float:
    """Wait for the first stamp after *since* that *server* had no part in; its moment."""
    while True:
        moment = history.first_without(server, since)
        if moment is not None:
            return moment
        await asyncio.sleep(LOOK_SECONDS)
