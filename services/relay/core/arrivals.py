"""Decides about connections before they ask for a path: the silent ones, and those that measure.

A new connection is *silent* until its HELLO or its first PING is complete and its ticket valid; it
has `HELLO_SECONDS` for that, a PROXY header included. Silent connections hold slots by source (see
`slots`): one host with thousands of them displaces only its own, and a network with hundreds of
endpoints behind one address gets all of them in, since each is silent for a round trip.
A connection that sends PING instead of HELLO only measures, within the bounds of `probing`.
Pairs count for none of these limits.
"""

from typing import Final

from services.relay.core.admission import ConnectionId
from services.relay.core.effects import AnswerPings, Effects, Refuse, refuse
from services.relay.core.probing import Probing, too_many_pings
from services.relay.core.slots import SlotLimits, Slots
from shared.domain.ids import Instant
from shared.wire.relay import HELLO_SECONDS, RefusalCode

SILENT: Final = SlotLimits(per_source=1_024, total=4_096, seconds=HELLO_SECONDS)


class Arrivals:
    """The connections of one relay that have not sent a HELLO."""

    def __init__(self) -> None:
        self._silent = Slots(SILENT)
        self._probing = Probing()

    @property
    def silent(self) -> int:
        """Return how many connections have sent neither HELLO nor PING."""
        return len(self._silent)

    def add(self, connection: ConnectionId, source: str, now: Instant) -> Effects:
        """Take up an accepted *connection* of *source*; another may have to go for it."""
        return _displace(self._silent.take(connection, source, now))

    def identify(self, connection: ConnectionId, source: str) -> Effects:
        """Count *connection* for *source*: its load balancer named the client behind it."""
        if connection not in self._silent:
            return ()
        return _displace(self._silent.move(connection, source))

    def receive_pings(
        self, connection: ConnectionId, nonces: tuple[int, ...], now: Instant
    ) -> Effects:
        """Decide about *connection*, which sent PINGs with a valid probe ticket."""
        effects: Effects = ()
        source = self._silent.release(connection)
        if source is not None:
            loser = self._probing.begin(connection, source, now)
            if loser is not None:
                message = "too many connections measure this node; come again"
                effects = (Refuse(loser, too_many_pings(message)),)
        elif connection not in self._probing:
            return ()
        refusal = self._probing.count(connection, len(nonces), now)
        if refusal is None:
            return (*effects, AnswerPings(connection, nonces))
        self._probing.forget(connection)
        return (*effects, Refuse(connection, refusal))

    def receive_hello(self, connection: ConnectionId) -> str | Refuse | None:
        """Return the source of *connection*, which is silent no more; None: it has already left."""
        if self._probing.forget(connection):
            return refuse(connection, RefusalCode.BAD_HELLO, "this connection only measures", None)
        return self._silent.release(connection)

    def forget(self, connection: ConnectionId) -> bool:
        """Forget *connection*; False when it is not here."""
        was_silent = self._silent.release(connection) is not None
        return self._probing.forget(connection) or was_silent

    def shed(self, count: int) -> Effects:
        """Refuse *count* silent connections, of the largest sources: descriptors have run out."""
        effects: list[Refuse] = []
        while len(effects) < count:
            loser = self._silent.longest_held_of_largest()
            if loser is None:
                break
            self._silent.release(loser)
            effects.extend(_displace(loser))
        return tuple(effects)

    def tick(self, now: Instant) -> Effects:
        silent, probing = self._silent.expired(now), self._probing.expired(now)
        for connection in (*silent, *probing):
            self.forget(connection)
        return (
            *(refuse(each, RefusalCode.TIMEOUT, "no HELLO came in time", None) for each in silent),
            *(refuse(each, RefusalCode.TIMEOUT, "measured for long", None) for each in probing),
        )

    def deadline(self) -> Instant | None:
        times = (self._silent.deadline(), self._probing.deadline())
        return min((time for time in times if time is not None), default=None)

    def describe(self) -> str:
        return f"{len(self._silent)} without a HELLO, {len(self._probing)} measuring"


def _displace(loser: ConnectionId | None) -> tuple[Refuse, ...]:
    if loser is None:
        return ()
    return (refuse(loser, RefusalCode.FULL, "too many connections without a HELLO", 1),)
