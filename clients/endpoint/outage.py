"""Decides what an end makes of having no path: whom it waits for, what it gives up, and when.

Relays admit an end that has a ticket, whether the other end is there or not. So an end tells by
itself, with every gateway gone, what is wrong: **a relay that lets it wait proves that the other
side is away; relays that nobody answers at prove nothing about the other side**. An end that lost
its path and waits at a relay for `OTHER_SIDE_SECONDS` says that the other side's connection is
lost; two ends that both lost a relay meet again within less.

After `wait_seconds` without a path the open streams fail. The end itself goes on: the other side
may come back with its secret, as long as the session lives. Only when no relay can be reached for
as long, the end gives up, with the reason for each address. It does not when it had a path before
and the site's gateways do not answer either: then it is this machine that has no network.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant

OTHER_SIDE_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 1.0
ADDRESSES_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class OtherSideLost:
    """The other side's connection is lost; it has *wait_seconds* before open streams fail."""

    wait_seconds: float


@dataclass(frozen=True, slots=True)
class StreamsFailed:
    """The streams fail, for *reason*."""

    reason: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No relay can be reached; *message* says why, for each address."""

    message: str


OutageEffect = OtherSideLost | StreamsFailed | GaveUp
OutageEffects = tuple[OutageEffect, ...]


class Outage:
    """One end's times without a path, one after the other; what relays do in between is ignored."""

    def __init__(self, wait_seconds: float) -> None:
        assert wait_seconds > 0, "an end that does not wait would never meet the other one"
        self._wait_seconds = wait_seconds
        self._was_up = False
        self._is_up = False
        self._lost_at: Instant | None = None
        self._unreached_since: Instant | None = None
        self._check_at: Instant | None = None
        self._waits_at: set[str] = set()
        self._failures: dict[str, str] = {}
        self._is_other_side_lost = False
        self._have_streams_failed = False

    @property
    def refuses_streams(self) -> bool:
        """Say whether a new stream would wait for an end that is away."""
        return self._is_other_side_lost or self._have_streams_failed

    def path_up(self) -> None:
        """Record that the tunnel has a path."""
        self._was_up = self._is_up = True
        self._lost_at = self._unreached_since = self._check_at = None
        self._waits_at.clear()
        self._failures.clear()
        self._is_other_side_lost = self._have_streams_failed = False

    def path_lost(self, now: Instant) -> None:
        """Record that the tunnel has no path any more."""
        self._is_up = False
        if self._lost_at is None:
            self._lost_at = now

    def relay_waits(self, address: str) -> None:
        """Record that the relay at *address* admitted this end and waits for the other one."""
        if self._is_up:
            return
        self._waits_at.add(address)
        self._failures.pop(address, None)
        self._unreached_since = self._check_at = None

    def relay_failed(self, address: str, reason: str, now: Instant) -> None:
        """Record that the relay at *address* could not be reached, or refused this end."""
        if self._is_up:
            return
        self._failures[address] = reason
        self._waits_at.discard(address)
        if not self._waits_at and self._unreached_since is None:
            self._unreached_since = now

    def tick(self, now: Instant, *, site_answers: bool) -> OutageEffects:
        """Do what is due at *now*; *site_answers* while this end has a control channel."""
        effects: list[OutageEffect] = []
        if self._lost_at is not None:
            if self._is_other_side_away(now) and not self._is_other_side_lost:
                self._is_other_side_lost = True
                effects.append(OtherSideLost(self._wait_seconds))
            if now >= self._lost_at + self._wait_seconds and not self._have_streams_failed:
                self._have_streams_failed = True
                effects.append(StreamsFailed(self._failure()))
        if self._unreached_since is not None:
            if now < self._unreached_since + self._wait_seconds:
                self._check_at = Instant(self._unreached_since + self._wait_seconds)
            elif site_answers or not self._was_up:
                self._unreached_since = self._check_at = None
                effects.append(GaveUp(self._unreached()))
            else:
                self._check_at = Instant(now + CHECK_SECONDS)
        return tuple(effects)

    def deadline(self) -> Instant | None:
        """Return when `tick` has something to do without a new fact; None: never."""
        times = [self._check_at]
        if self._unreached_since is not None and self._check_at is None:
            times.append(Instant(self._unreached_since + self._wait_seconds))
        if self._lost_at is not None:
            if self._waits_at and not self._is_other_side_lost:
                times.append(Instant(self._lost_at + OTHER_SIDE_SECONDS))
            if not self._have_streams_failed:
                times.append(Instant(self._lost_at + self._wait_seconds))
        return min((each for each in times if each is not None), default=None)

    def describe(self) -> str:
        return (
            f"lost at {self._lost_at}, waits at {len(self._waits_at)} relays, "
            f"{len(self._failures)} failed"
        )

    def _is_other_side_away(self, now: Instant) -> bool:
        assert self._lost_at is not None, "nobody is away while there is a path"
        return bool(self._waits_at) and now >= self._lost_at + OTHER_SIDE_SECONDS

    def _failure(self) -> str:
        within = f"within {self._wait_seconds:g} s"
        if self._unreached_since is None:
            return f"the other side did not come back {within}"
        return f"no relay could be reached {within}"

    def _unreached(self) -> str:
        named = [f"{address}: {why}" for address, why in self._failures.items()]
        more = len(named) - ADDRESSES_NAMED
        and_more = (f"and {more} more",) if more > 0 else ()
        why = "; ".join((*named[:ADDRESSES_NAMED], *and_more))
        return f"no relay of the site can be reached ({why})"
