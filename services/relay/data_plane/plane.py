"""Connects sockets with the core: reports facts to the core and performs its effects.

Nothing is decided here. A connection is pending until the core makes it part of a pair; from then
on the pair owns its socket, and this table only waits for the pair's end.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Final, Protocol, assert_never

from services.relay.core.admission import ConnectionId, ConnectionRefusal
from services.relay.core.effects import (
    AnswerPings,
    ClosePair,
    Effects,
    JoinPair,
    PathKey,
    Refuse,
    SendWait,
)
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.hello import Pings, ProtocolViolation, Tickets, parse_hello
from services.relay.data_plane.lingering import LingeringConnections
from services.relay.data_plane.pair import Pair
from services.relay.data_plane.pending import PendingConnection
from services.relay.data_plane.pump import PumpResources
from shared.domain.ids import NodeId
from shared.domain.source import Networks, source_of
from shared.domain.ticket import Ticket
from shared.runtime.accepting import Listener
from shared.wire.proxy_protocol import BadProxyHeader
from shared.wire.relay import (
    RefusalCode,
    encode_pong,
    encode_ready,
    encode_refused,
    encode_wait,
)

SHED_CONNECTIONS: Final = 64
"""Silent connections that go when there is no descriptor left."""


class PlaneObserver(Protocol):
    """Receives what happens on the data plane."""

    def on_paired(self, key: PathKey) -> None: ...

    def on_pair_closed(self, key: PathKey, bytes_carried: int) -> None: ...

    def on_refused(self, code: RefusalCode, source: str) -> None: ...

    def on_pinged(self, count: int) -> None: ...


class DataPlane:
    """Every connection of one relay; load balancers in *proxies* say whom they speak for."""

    def __init__(
        self,
        node: NodeId,
        pairings: PairingTable,
        resources: PumpResources,
        tickets: Tickets,
        observer: PlaneObserver,
        proxies: Networks = Networks(),  # noqa: B008 - frozen
    ) -> None:
        self._node = node
        self._pairings = pairings
        self._resources = resources
        self._tickets = tickets
        self._observer = observer
        self._proxies = proxies
        self._listeners: list[Listener] = []
        self._last_id = 0
        self._pending: dict[ConnectionId, PendingConnection] = {}
        self._lingering = LingeringConnections(resources)
        self._pairs: dict[PathKey, Pair] = {}
        self.wake = _ignore

    @property
    def connections(self) -> int:
        """Return the number of open connections of every kind."""
        return len(self._pending) + len(self._lingering) + 2 * len(self._pairs)

    @property
    def bytes_carried(self) -> int:
        return self._resources.bytes_carried

    def open(self, listeners: Iterable[socket.socket]) -> None:
        """Accept connections from *listeners* from now on."""
        loop = self._resources.loop = asyncio.get_running_loop()
        self._listeners = [Listener(loop, each, self) for each in listeners]
        for listener in self._listeners:
            listener.open()

    def close(self) -> None:
        """Close the listeners and every connection."""
        for listener in self._listeners:
            listener.close()
        for pending in self._pending.values():
            pending.close()
        self._lingering.close()
        for key in tuple(self._pairs):
            self._end(key)
        self._pending.clear()
        self._resources.pipes.close()

    def perform(self, effects: Effects) -> None:
        """Perform the core's effects, in order."""
        for effect in effects:
            match effect:
                case AnswerPings(connection, nonces):
                    self._answer(connection, nonces)
                case SendWait(connection):
                    self._pending[connection].send(encode_wait(self._node))
                case JoinPair():
                    self._join(effect)
                case Refuse(connection, refusal):
                    self._refuse(connection, refusal)
                case ClosePair(key):
                    self._end(key)
                case _:
                    assert_never(effect)
        self.wake()

    def on_received(self, pending: PendingConnection, data: bytes) -> None:
        """Report to the core what *data* completes: a HELLO, PINGs or a violation."""
        if pending.expects_header:
            data = self._read_header(pending, data)
            if not data:
                return
        now = self._resources.clock.now()
        match self._parse(pending, data):
            case Ticket() as ticket:
                self.perform(self._pairings.receive_hello(pending.id, ticket, now))
            case Pings(nonces):
                self.perform(self._pairings.arrivals.receive_pings(pending.id, nonces, now))
            case ProtocolViolation(refusal):
                self.perform(self._pairings.reject(pending.id, refusal))
            case None:
                pass

    def _parse(
        self, pending: PendingConnection, data: bytes
    ) -> Ticket | Pings | ProtocolViolation | None:
        """Parse *data*; any unexpected error counts as a violation."""
        try:
            return parse_hello(pending.reader, data, self._tickets)
        except Exception as error:  # noqa: BLE001 (one connection ends, and no other)
            self._resources.containment.fault("connection", str(pending.id), error)
            return ProtocolViolation(
                ConnectionRefusal(RefusalCode.BAD_HELLO, "the HELLO cannot be read")
            )

    def on_left(self, pending: PendingConnection) -> None:
        self._pairings.remove_connection(pending.id)
        self._pending.pop(pending.id).close()

    def on_connection(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        """Report a new connection to the core."""
        self._last_id += 1
        address, _ = peer
        source = source_of(address)
        pending = PendingConnection(
            self._resources.loop, ConnectionId(self._last_id), connection, source, self
        )
        pending.expects_header = address in self._proxies
        self._pending[pending.id] = pending
        pending.start()
        now = self._resources.clock.now()
        self.perform(self._pairings.arrivals.add(pending.id, source, now))

    def on_exhausted(self) -> bool:
        """Close silent and refused connections at once, for others to come in."""
        self.perform(self._pairings.arrivals.shed(SHED_CONNECTIONS))
        return self._lingering.close() > 0

    def _read_header(self, pending: PendingConnection, data: bytes) -> bytes:
        """Read the PROXY header in *data*; return what came after it, or nothing."""
        try:
            found = pending.read_header(data)
        except BadProxyHeader as error:
            refusal = ConnectionRefusal(RefusalCode.BAD_HELLO, error.message)
            self.perform(self._pairings.reject(pending.id, refusal))
            return b""
        if found is None:
            return b""
        header, rest = found
        if header.address is not None:
            pending.source = source_of(header.address)
            self.perform(self._pairings.arrivals.identify(pending.id, pending.source))
        return rest

    def _answer(self, connection: ConnectionId, nonces: tuple[int, ...]) -> None:
        self._observer.on_pinged(len(nonces))
        pongs = b"".join(encode_pong(self._node, nonce) for nonce in nonces)
        self._pending[connection].send(pongs)

    def _join(self, join: JoinPair) -> None:
        first, second = self._pending.pop(join.first), self._pending.pop(join.second)
        for pending in (first, second):
            pending.send(encode_ready(self._node, join.key.generation))
        ends = (first.detach(), second.detach())
        pair = Pair(self._resources, ends, join.limits, lambda: self._on_pair_ended(join.key))
        self._pairs[join.key] = pair
        self._observer.on_paired(join.key)
        pair.start()

    def _refuse(self, connection: ConnectionId, refusal: ConnectionRefusal) -> None:
        pending = self._pending.pop(connection)
        self._observer.on_refused(refusal.code, pending.source)
        frame = encode_refused(refusal.code, refusal.message, refusal.retry_after_seconds)
        self._lingering.add(pending, frame)

    def _on_pair_ended(self, key: PathKey) -> None:
        """Report to the core that a pair ended by itself."""
        self._pairings.remove_pair(key)
        self._observer.on_pair_closed(key, self._pairs.pop(key).carried)

    def _end(self, key: PathKey) -> None:
        """Close a pair that the core has already removed."""
        pair = self._pairs.pop(key)
        pair.close()
        self._observer.on_pair_closed(key, pair.carried)


def _ignore() -> None:
    """Stand in for `wake` until the driver runs."""
