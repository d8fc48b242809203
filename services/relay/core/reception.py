"""Decides who meets whom: guests that say HELLO, the pairs that they become, and who must leave.

A guest is one connection before its pair. It has five seconds to say HELLO; then it waits for the
other side of the same session and generation, at most `WAITING_SECONDS`. When the other side is
there both become a pair and leave this table's guests; from then on only the pair's key is known.
**A second HELLO of the same side and generation closes that pair's both connections**: the
newcomer waits, and the other end comes again. So a connection that died without a word is
replaced by the end that knows of it, and no pair ever has two ends of one side.
A guest that says PING instead only measures, within the bounds of `probing`.

Every method that is told a fact returns what is to be done, in order.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import Admission, GuestId, Refusal
from services.relay.core.limits import stricter
from services.relay.core.probing import Probing
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits
from shared.wire.relay import HELLO_SECONDS, RefusalCode

WAITING_SECONDS: Final = 60.0
WAITING_PER_SESSION: Final = 2
"""An end without a path waits at all its paths at once, so a session may wait more than once."""

SILENT_GUESTS: Final = 1_024
"""Most connections that have not said HELLO yet; more are refused at once."""


@dataclass(frozen=True, slots=True, order=True)
class PathKey:
    """One path of one session: what two tickets must share to meet."""

    session: SessionId
    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class LetWait:
    """Tell *guest* that the other side is not there yet."""

    guest: GuestId


@dataclass(frozen=True, slots=True)
class Join:
    """Make a pair of two guests and carry their bytes within *limits*."""

    key: PathKey
    first: GuestId
    second: GuestId
    limits: TicketLimits


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell *guest* why and close it."""

    guest: GuestId
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Part:
    """Close both connections of the pair *key*."""

    key: PathKey


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer each PING of *guest* by its nonce."""

    guest: GuestId
    nonces: tuple[int, ...]


Effect = LetWait | Join | Refuse | Part | Answer
Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class _Waiting:
    guest: GuestId
    side: Side
    limits: TicketLimits
    until: Instant


@dataclass(frozen=True, slots=True)
class Reading:
    """How much goes on here at one moment."""

    running: frozenset[PathKey]
    waiting: int

    @property
    def pairs(self) -> int:
        return len(self.running)

    @property
    def sessions(self) -> int:
        """How many sessions have a running pair."""
        return len({key.session for key in self.running})

    @property
    def digest(self) -> str:
        """16 hex digits that are equal for equal sets of running pairs."""
        text = "\n".join(f"{key.session} {key.generation}" for key in sorted(self.running))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Reception:
    """Guests and pairs of one relay."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._silent: dict[GuestId, Instant] = {}
        self._waiting: dict[PathKey, _Waiting] = {}
        self._seats: dict[GuestId, PathKey] = {}
        self._pairs: set[PathKey] = set()
        self._probing = Probing()

    @property
    def reading(self) -> "Reading":
        return Reading(frozenset(self._pairs), len(self._waiting))

    def arrived(self, guest: GuestId, now: Instant) -> Effects:
        """A connection was accepted."""
        if len(self._silent) >= SILENT_GUESTS:
            return (_refuse(guest, RefusalCode.FULL, "too many connections without a HELLO", 1),)
        self._silent[guest] = Instant(now + HELLO_SECONDS)
        return ()

    def pinged(self, guest: GuestId, nonces: tuple[int, ...], now: Instant) -> Effects:
        """*guest* measures, with a valid probe ticket."""
        is_new = self._silent.pop(guest, None) is not None
        if not is_new and guest not in self._probing:
            return ()
        refusal = self._probing.begin(guest, now) if is_new else None
        refusal = refusal or self._probing.count(guest, len(nonces), now)
        if refusal is None:
            return (Answer(guest, nonces),)
        self._probing.forget(guest)
        return (Refuse(guest, refusal),)

    def said_hello(self, guest: GuestId, ticket: Ticket, now: Instant) -> Effects:
        """*guest* showed a valid ticket."""
        if self._probing.forget(guest):
            return (_refuse(guest, RefusalCode.BAD_HELLO, "this connection only measures", None),)
        if self._silent.pop(guest, None) is None:
            return ()
        key = PathKey(ticket.session, ticket.generation)
        refusal = self._admission.refusal(ticket.session, len(self._pairs - {key}))
        if refusal is not None:
            return (Refuse(guest, refusal),)
        effects = tuple(self._seat(guest, key, ticket, now))
        self._check()
        return effects

    def broke_protocol(self, guest: GuestId, refusal: Refusal) -> Effects:
        """*guest* said what no guest may say, or showed a ticket that admits nobody."""
        return (Refuse(guest, refusal),) if self._forget(guest) else ()

    def left(self, guest: GuestId) -> None:
        """*guest* closed its connection."""
        self._forget(guest)

    def parted(self, key: PathKey) -> None:
        """The pair *key* ended by itself."""
        self._pairs.discard(key)

    def drain(self) -> Effects:
        """The node takes no new pair from now on: those who wait are sent on."""
        return self._dismiss(tuple(self._waiting))

    def close(self, session: SessionId) -> Effects:
        """The session is over here: its guests are told, its pairs closed."""
        ended = sorted(key for key in self._pairs if key.session == session)
        self._pairs.difference_update(ended)
        waiting = tuple(key for key in self._waiting if key.session == session)
        return (*self._dismiss(waiting), *(Part(key) for key in ended))

    def tick(self, now: Instant) -> Effects:
        late = [guest for guest, until in self._silent.items() if until <= now]
        measured = self._probing.late(now)
        gone = [each for each in self._waiting.values() if each.until <= now]
        effects = (
            *(_refuse(guest, RefusalCode.TIMEOUT, "no HELLO came in time", None) for guest in late),
            *(_refuse(guest, RefusalCode.TIMEOUT, "measured for long", None) for guest in measured),
            *(
                _refuse(each.guest, RefusalCode.TIMEOUT, "the other side did not come", 1)
                for each in gone
            ),
        )
        for effect in effects:
            self._forget(effect.guest)
        return effects

    def deadline(self) -> Instant | None:
        """When the first guest's time is over; each table is in the order of its times."""
        silent = next(iter(self._silent.values()), None)
        waiting = next(iter(self._waiting.values()), None)
        waited = waiting.until if waiting is not None else None
        times = (silent, waited, self._probing.deadline())
        return min((time for time in times if time is not None), default=None)

    def describe(self) -> str:
        return (
            f"{len(self._pairs)} pairs, {len(self._waiting)} waiting, "
            f"{len(self._silent)} without a HELLO, {len(self._probing)} measuring"
        )

    def _seat(self, guest: GuestId, key: PathKey, ticket: Ticket, now: Instant) -> Iterator[Effect]:
        if key in self._pairs:
            self._pairs.discard(key)
            yield Part(key)
        seated = self._waiting.pop(key, None)
        if seated is not None:
            del self._seats[seated.guest]
            if seated.side is not ticket.side:
                self._pairs.add(key)
                yield Join(key, seated.guest, guest, stricter(seated.limits, ticket.limits))
                return
            message = "a newer connection of the same side came"
            yield _refuse(seated.guest, RefusalCode.REPLACED, message, None)
        if len(self._waiting) >= self._admission.capacity * WAITING_PER_SESSION:
            yield _refuse(guest, RefusalCode.FULL, "too many connections wait here", 5)
            return
        until = Instant(now + WAITING_SECONDS)
        self._waiting[key] = _Waiting(guest, ticket.side, ticket.limits, until)
        self._seats[guest] = key
        yield LetWait(guest)

    def _dismiss(self, keys: Iterable[PathKey]) -> Effects:
        return tuple(self._sent_away(key) for key in keys)

    def _sent_away(self, key: PathKey) -> Refuse:
        waiting = self._waiting.pop(key)
        del self._seats[waiting.guest]
        refusal = self._admission.refusal(key.session, 0)
        assert refusal is not None, "a guest is sent away without a reason"
        return Refuse(waiting.guest, refusal)

    def _forget(self, guest: GuestId) -> bool:
        """Remove a guest from whatever table it is in; False when it was in none."""
        key = self._seats.pop(guest, None)
        if key is not None:
            del self._waiting[key]
        was_silent = self._silent.pop(guest, None) is not None
        return self._probing.forget(guest) or was_silent or key is not None

    def _check(self) -> None:
        assert len(self._seats) == len(self._waiting), "a waiting guest without its seat"
        assert not self._pairs & self._waiting.keys(), "a path both waits and runs"


def _refuse(guest: GuestId, code: RefusalCode, message: str, retry: int | None) -> Refuse:
    return Refuse(guest, Refusal(code, message, retry))
