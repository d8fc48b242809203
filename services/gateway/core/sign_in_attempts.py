"""Decides which sign-ins are admitted and how long each of them waits.

A sign-in is an attempt at a user's password. From a network that is *known* for this user, because
the user signed in there before, it counts for the two together only: nobody outside that network
can delay it or use up its limit. From any other network it counts for the network, and it waits
when the user failed often (`sign_in_delay`). Nothing locks a user out.

An attempt is counted when it begins and given back when the password was right, or when the site
could not find out. All others stay counted, also those whose caller went away. A right password
gives back its own attempt and no other: it does not free somebody who guesses elsewhere.

Attempts under way are bounded (`places`), apart for known networks and for the rest.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from services.gateway.core.fair_queue import Origin
from services.gateway.core.known_networks import KnownNetworks
from services.gateway.core.places import Places
from services.gateway.core.rate_limit import ClientNetwork, Exceeded, RateLimit, SourceLimit
from services.gateway.core.sign_in_delay import UserFailures
from shared.domain.errors import TooManyAttempts, TooManySignIns
from shared.domain.ids import Instant

WRONG_PASSWORDS: Final = 20
WINDOW_SECONDS: Final = 60.0
PLACES: Final = 128
RETRY_SECONDS: Final = 2


class Outcome(StrEnum):
    """What became of an attempt."""

    RIGHT = "right"
    """The password was right."""
    WRONG = "wrong"
    """It was wrong, or the caller did not wait for the answer."""
    UNKNOWN = "unknown"
    """The site could not find out."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt of *user* by a *client*, whose answer waits *wait_seconds*."""

    user: str
    client: ClientNetwork
    taken: Instant
    is_known: bool
    wait_seconds: float = 0.0

    @property
    def pair(self) -> tuple[str, str]:
        """The network and the user, whose limit an attempt from a known network counts for."""
        return self.client.source, self.user

    @property
    def holder(self) -> Hashable:
        """Whose places the attempt takes: those of the pair, or of the whole /48."""
        return self.pair if self.is_known else self.client.site

    @property
    def origin(self) -> Origin:
        """What the attempt's work is queued by."""
        return Origin(self.client.source, is_privileged=self.is_known)


class SignInAttempts:
    """The attempts at the passwords of all users, lately and now."""

    def __init__(self) -> None:
        self._networks = KnownNetworks()
        self._failures = UserFailures()
        self._by_pair = RateLimit(limit=WRONG_PASSWORDS, window_seconds=WINDOW_SECONDS)
        self._by_source = SourceLimit(limit=WRONG_PASSWORDS, window_seconds=WINDOW_SECONDS)
        self._places = {is_known: Places(PLACES) for is_known in (True, False)}

    def take(self, user: str, address: str, now: Instant) -> Attempt:
        """Admit an attempt and count it; every admitted attempt must be ended.

        Raises:
            TooManyAttempts: too many passwords from this network were wrong.
            TooManySignIns: too many sign-ins are under way.
        """
        client = ClientNetwork.of(address)
        is_known = self._networks.is_known(user, client.source)
        attempt = Attempt(user, client, now, is_known)
        if (exceeded := self._count(attempt)) is not None:
            raise TooManyAttempts(
                f"too many wrong passwords came from {exceeded.network}; "
                f"try again in {exceeded.wait_seconds} s",
                retry_after_seconds=exceeded.wait_seconds,
            )
        if not self._places[is_known].take(attempt.holder):
            self._give_back(attempt, now)
            raise TooManySignIns(
                f"too many people are signing in at this moment; try again in {RETRY_SECONDS} s",
                retry_after_seconds=RETRY_SECONDS,
            )
        delay = self._failures.take(user, now)
        return attempt if is_known else replace(attempt, wait_seconds=delay)

    def end(self, attempt: Attempt, outcome: Outcome, now: Instant) -> None:
        """End an *attempt* that `take` admitted."""
        self._places[attempt.is_known].give_back(attempt.holder)
        if outcome is Outcome.WRONG:
            return
        self._give_back(attempt, now)
        self._failures.give_back(attempt.user, attempt.taken, now)
        if outcome is Outcome.RIGHT:
            self._networks.add(attempt.user, attempt.client.source)

    def _count(self, attempt: Attempt) -> Exceeded | None:
        """Count *attempt* for its limit, or return what forbids it."""
        if not attempt.is_known:
            return self._by_source.take(attempt.client, attempt.taken)
        wait = self._by_pair.take(attempt.pair, attempt.taken)
        return Exceeded(attempt.client.source, wait) if wait else None

    def _give_back(self, attempt: Attempt, now: Instant) -> None:
        if attempt.is_known:
            self._by_pair.give_back(attempt.pair, attempt.taken, now)
        else:
            self._by_source.give_back(attempt.client, attempt.taken, now)
