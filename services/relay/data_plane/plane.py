"""Brings guests, pairs and the door together: sockets in, facts to the core, its effects performed.

Nothing is decided here. A connection is a guest until the core joins it with another; from then on
it belongs to a pair, and this table only waits for the pair's end.
"""

import asyncio
import socket
from typing import Protocol, assert_never

from services.relay.core.admission import GuestId, Refusal
from services.relay.core.reception import (
    Answer,
    Effects,
    Join,
    LetWait,
    Part,
    PathKey,
    Reception,
    Refuse,
)
from services.relay.data_plane.door import Door
from services.relay.data_plane.guest import Guest
from services.relay.data_plane.hello import Breach, Pings, Tickets, said_in
from services.relay.data_plane.pair import Pair
from services.relay.data_plane.pump import Tools
from shared.domain.ids import NodeId
from shared.domain.ticket import Ticket
from shared.wire.relay import (
    RefusalCode,
    encode_pong,
    encode_ready,
    encode_refused,
    encode_wait,
)


class Observer(Protocol):
    """Who is told what happened on the data plane."""

    def on_paired(self, key: PathKey) -> None: ...

    def on_parted(self, key: PathKey, bytes_carried: int) -> None: ...

    def on_refused(self, code: RefusalCode) -> None: ...

    def on_pinged(self, count: int) -> None: ...


class DataPlane:
    """Every connection of one relay."""

    def __init__(
        self,
        node: NodeId,
        reception: Reception,
        tools: Tools,
        tickets: Tickets,
        observer: Observer,
    ) -> None:
        self._node = node
        self._reception = reception
        self._tools = tools
        self._tickets = tickets
        self._observer = observer
        self._door: Door | None = None
        self._arrivals = 0
        self._guests: dict[GuestId, Guest] = {}
        self._leaving: dict[GuestId, Guest] = {}
        self._pairs: dict[PathKey, Pair] = {}
        self.wake = _nobody

    @property
    def connections(self) -> int:
        """Open connections of every kind."""
        return len(self._guests) + len(self._leaving) + 2 * len(self._pairs)

    @property
    def bytes_carried(self) -> int:
        return self._tools.bytes_carried

    def open(self, listener: socket.socket) -> None:
        """Take connections from *listener* from now on."""
        self._tools.loop = asyncio.get_running_loop()
        self._door = Door(self._tools.loop, listener, self._on_arrival)
        self._door.open()

    def close(self) -> None:
        """Close every connection and the door."""
        if self._door is not None:
            self._door.close()
        for guest in [*self._guests.values(), *self._leaving.values()]:
            guest.close()
        for key in tuple(self._pairs):
            self._end(key)
        self._guests.clear()
        self._tools.pipes.close()

    def perform(self, effects: Effects) -> None:
        """Do what the core decided, in order."""
        for effect in effects:
            match effect:
                case Answer(guest, nonces):
                    self._answer(guest, nonces)
                case LetWait(guest):
                    self._guests[guest].tell(encode_wait(self._node))
                case Join():
                    self._join(effect)
                case Refuse(guest, refusal):
                    self._refuse(guest, refusal)
                case Part(key):
                    self._end(key)
                case _:
                    assert_never(effect)
        self.wake()

    def on_received(self, guest: Guest, data: bytes) -> None:
        """A guest's HELLO or PINGs, or a part of them, or what no guest may say."""
        now = self._tools.clock.now()
        match self._said(guest, data):
            case Ticket() as ticket:
                self.perform(self._reception.said_hello(guest.id, ticket, now))
            case Pings(nonces):
                self.perform(self._reception.pinged(guest.id, nonces, now))
            case Breach(refusal):
                self.perform(self._reception.broke_protocol(guest.id, refusal))
            case None:
                pass

    def _said(self, guest: Guest, data: bytes) -> Ticket | Pings | Breach | None:
        """What *data* says; what cannot be read in a way that nobody foresaw is a breach too."""
        try:
            return said_in(guest.reader, data, self._tickets)
        except Exception as error:  # noqa: BLE001 (one guest goes, and no other)
            self._tools.containment.fault("guest", str(guest.id), error)
            return Breach(Refusal(RefusalCode.BAD_HELLO, "what you said cannot be read"))

    def on_left(self, guest: Guest) -> None:
        self._reception.left(guest.id)
        self._guests.pop(guest.id).close()

    def _on_arrival(self, connection: socket.socket) -> None:
        self._arrivals += 1
        guest = Guest(self._tools.loop, GuestId(self._arrivals), connection, self)
        self._guests[guest.id] = guest
        guest.start()
        self.perform(self._reception.arrived(guest.id, self._tools.clock.now()))

    def _answer(self, guest: GuestId, nonces: tuple[int, ...]) -> None:
        self._observer.on_pinged(len(nonces))
        self._guests[guest].tell(b"".join(encode_pong(self._node, nonce) for nonce in nonces))

    def _join(self, join: Join) -> None:
        first, second = self._guests.pop(join.first), self._guests.pop(join.second)
        for guest in (first, second):
            guest.tell(encode_ready(self._node, join.key.generation))
        ends = (first.hand_over(), second.hand_over())
        pair = Pair(self._tools, ends, join.limits, lambda: self._on_parted(join.key))
        self._pairs[join.key] = pair
        self._observer.on_paired(join.key)
        pair.start()

    def _refuse(self, guest_id: GuestId, refusal: Refusal) -> None:
        guest = self._guests.pop(guest_id)
        self._leaving[guest_id] = guest
        frame = encode_refused(refusal.code, refusal.message, refusal.retry_after_seconds)
        self._observer.on_refused(refusal.code)
        guest.send_away(frame, lambda: self._forget(guest_id))

    def _forget(self, guest_id: GuestId) -> None:
        self._leaving.pop(guest_id, None)

    def _on_parted(self, key: PathKey) -> None:
        """A pair ended by itself."""
        self._reception.parted(key)
        self._observer.on_parted(key, self._pairs.pop(key).carried)

    def _end(self, key: PathKey) -> None:
        """End a pair that the core has already forgotten."""
        pair = self._pairs.pop(key)
        pair.close()
        self._observer.on_parted(key, pair.carried)


def _nobody() -> None:
    """Nobody waits to be woken yet."""
