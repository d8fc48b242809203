"""Limits how often one network may call the routes that need no account.

What is counted is counted before its outcome is known (`core.rate_limit`). Each kind of call has
its own limit and its own refusal, which says what there was too much of.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends

from services.gateway.core.rate_limit import ClientNetwork, SourceLimit
from services.gateway.http.provided import provided
from shared.domain.errors import (
    MeridianError,
    TooManyArrivals,
    TooManyNameplates,
    TooManyProbeLists,
    TooManyRequests,
    TooManyTokens,
)
from shared.domain.ids import Instant
from shared.runtime.clock import Clock

WINDOW_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Limit:
    """*most* calls of a source in a minute; *sentence* says what was too much."""

    most: int
    refusal: type[TooManyRequests]
    sentence: str


UNKNOWN_NAMEPLATES: Final = Limit(20, TooManyNameplates, "too many unknown session keys came")
WRONG_TOKENS: Final = Limit(60, TooManyTokens, "too many wrong endpoint tokens came")
ARRIVALS: Final = Limit(30, TooManyArrivals, "too many customers arrived")
PROBE_LISTS: Final = Limit(60, TooManyProbeLists, "too many questions which relays to measure came")


class AddressLimit:
    """The limit of one kind of call."""

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._sources = SourceLimit(limit=limit.most, window_seconds=WINDOW_SECONDS)

    def take(self, address: str) -> None:
        """Count a call from *address*, whatever comes of it.

        Raises:
            TooManyRequests: its network has reached the limit.
        """
        self._take(ClientNetwork.of(address), self._clock.now())

    @contextmanager
    def attempt(self, address: str, failure: type[MeridianError]) -> Generator[None]:
        """Count an attempt from *address*, and give it back unless it ends with *failure*.

        It stays counted when the caller goes away and nobody learns how it ends.

        Raises:
            TooManyRequests: the network has reached the limit.
        """
        client, taken = ClientNetwork.of(address), self._clock.now()
        self._take(client, taken)
        try:
            yield
        except failure:
            raise
        except MeridianError:
            self._sources.give_back(client, taken, self._clock.now())
            raise
        self._sources.give_back(client, taken, self._clock.now())

    def _take(self, client: ClientNetwork, now: Instant) -> None:
        if (exceeded := self._sources.take(client, now)) is not None:
            raise self._limit.refusal(
                f"{self._limit.sentence} from {exceeded.network}; "
                f"try again in {exceeded.wait_seconds} s",
                retry_after_seconds=exceeded.wait_seconds,
            )


class AddressLimits:
    """The limit of each kind of call."""

    def __init__(self, clock: Clock) -> None:
        self.unknown_nameplates = AddressLimit(UNKNOWN_NAMEPLATES, clock)
        self.wrong_tokens = AddressLimit(WRONG_TOKENS, clock)
        self.arrivals = AddressLimit(ARRIVALS, clock)
        self.probe_lists = AddressLimit(PROBE_LISTS, clock)


TheAddressLimits = Annotated[AddressLimits, Depends(provided(AddressLimits))]
