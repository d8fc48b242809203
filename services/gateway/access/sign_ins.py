"""Runs each sign-in within the limits: counts it, delays it, and records how it ended."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.gateway.core.fair_queue import Origin
from services.gateway.core.sign_in_attempts import Outcome, SignInAttempts
from shared.domain.errors import MeridianError, Unauthenticated
from shared.runtime.clock import Clock

Sleep = Callable[[float], Awaitable[None]]
"""Waits for some seconds; tests wait without any."""


class SignIns:
    """The sign-ins under way at this gateway."""

    def __init__(self, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._attempts = SignInAttempts()

    @asynccontextmanager
    async def attempt(self, user: str, address: str) -> AsyncGenerator[Origin]:
        """Count an attempt and wait as long as it has to; yield what its work is queued by.

        The block raises `Unauthenticated` when the password is wrong.

        Raises:
            TooManyAttempts: too many passwords from this network were wrong.
            TooManySignIns: too many sign-ins are under way.
        """
        attempt = self._attempts.take(user, address, self._clock.now())
        outcome = Outcome.WRONG
        try:
            if attempt.wait_seconds:
                await self._sleep(attempt.wait_seconds)
            yield attempt.origin
            outcome = Outcome.RIGHT
        except Unauthenticated:
            raise
        except MeridianError:
            outcome = Outcome.UNKNOWN
            raise
        finally:
            self._attempts.end(attempt, outcome, self._clock.now())
