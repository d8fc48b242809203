"""Decides how often who measures is answered: a few pings each, for a moment, and not too many.

Pings are for choosing a node, not for watching one: whoever wants more has to come again, and what
all of them may cost together is bounded, so that a flood of them delays no session's bytes for
long. A guest that measures never becomes a path.
"""

from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import GuestId, Refusal
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

PINGS_PER_GUEST: Final = 8
PROBE_SECONDS: Final = 5.0
PROBING_GUESTS: Final = 256
PINGS_PER_SECOND: Final = 1_000

_COME_AGAIN_SECONDS: Final = 1


@dataclass(slots=True)
class _Probe:
    until: Instant
    pings: int = 0


class Probing:
    """The guests that measure, in the order in which their time is over."""

    def __init__(self) -> None:
        self._probes: dict[GuestId, _Probe] = {}
        self._second = Instant(0)
        self._answered = 0

    def __contains__(self, guest: GuestId) -> bool:
        return guest in self._probes

    def __len__(self) -> int:
        return len(self._probes)

    def begin(self, guest: GuestId, now: Instant) -> Refusal | None:
        """*guest* measures from now on; or why not."""
        if len(self._probes) >= PROBING_GUESTS:
            return _too_many("too many connections measure this node; come again")
        self._probes[guest] = _Probe(Instant(now + PROBE_SECONDS))
        return None

    def count(self, guest: GuestId, pings: int, now: Instant) -> Refusal | None:
        """*guest* wants *pings* more answers; None: it gets them."""
        probe = self._probes[guest]
        probe.pings += pings
        if probe.pings > PINGS_PER_GUEST:
            return _too_many(f"a connection has {PINGS_PER_GUEST} pings")
        if now - self._second >= 1:
            self._second, self._answered = now, 0
        self._answered += pings
        if self._answered > PINGS_PER_SECOND:
            return _too_many("this node is measured too often; come again")
        return None

    def forget(self, guest: GuestId) -> bool:
        return self._probes.pop(guest, None) is not None

    def late(self, now: Instant) -> list[GuestId]:
        return [guest for guest, probe in self._probes.items() if probe.until <= now]

    def deadline(self) -> Instant | None:
        first = next(iter(self._probes.values()), None)
        return None if first is None else first.until


def _too_many(message: str) -> Refusal:
    return Refusal(RefusalCode.TOO_MANY_PINGS, message, _COME_AGAIN_SECONDS)
