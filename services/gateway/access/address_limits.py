"""Limits how often one address may call the routes that need no account."""

from typing import Annotated, Final

from fastapi import Depends

from services.gateway.core.rate_limit import RateLimit
from services.gateway.http.provided import provided
from shared.runtime.clock import Clock

WINDOW_SECONDS: Final = 60.0
UNKNOWN_NAMEPLATES: Final = 20
"""Unknown nameplates that one address may try in a minute."""

ARRIVALS: Final = 30
"""Customers who may arrive from one address in a minute."""

PROBE_LISTS: Final = 60
"""Endpoints that may ask from one address in a minute which relays to measure."""


class AddressLimit:
    """The limit of *limit* events of an address in a minute."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._rate = RateLimit(limit=limit, window_seconds=WINDOW_SECONDS)
        self._clock = clock

    def require(self, address: str) -> None:
        """Let *address* pass.

        Raises:
            TooManyAttempts: it reached the limit.
        """
        self._rate.require(address, self._clock.now())

    def count(self, address: str) -> None:
        """Count one event of *address*."""
        self._rate.count(address, self._clock.now())

    def admit(self, address: str) -> None:
        """Let *address* pass and count it.

        Raises:
            TooManyAttempts: it reached the limit.
        """
        self.require(address)
        self.count(address)


class AddressLimits:
    """The limit of each kind of call."""

    def __init__(self, clock: Clock) -> None:
        self.unknown_nameplates = AddressLimit(UNKNOWN_NAMEPLATES, clock)
        self.arrivals = AddressLimit(ARRIVALS, clock)
        self.probe_lists = AddressLimit(PROBE_LISTS, clock)


TheAddressLimits = Annotated[AddressLimits, Depends(provided(AddressLimits))]
