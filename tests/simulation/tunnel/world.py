"""Two tunnel ends in a seeded world of paths that delay, cut, truncate and fall silent.

The world only carries: it loses, delays and cuts bytes, and judges nothing. A path joins two
connections like a relay does: READY to both when both are there, a second one of the same side
closes the pair, and when one connection ends so does the other.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from clients.tunnel.effects import (
    CloseLink,
    Effect,
    Effects,
    Ended,
    LinkId,
    PathEffect,
    PathLost,
    PathUp,
    SecretUnknown,
    Secured,
    Send,
    StreamEffect,
    WordsDiffer,
)
from clients.tunnel.exchange import Credentials
from clients.tunnel.links import LinkTiming
from clients.tunnel.tunnel import Tunnel
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side

SESSION = SessionId("7654321")
REDIAL_SECONDS = 0.2
BLOCK_BYTES = 200_000


@dataclass
class Connection:
    """One end's connection over a path; bytes that were sent arrive in order or not at all."""

    id: LinkId
    generation: PathGeneration
    end: "End"
    peer: "Connection | None" = None
    is_open: bool = True
    is_silent: bool = False
    in_flight: int = 0
    arrives_at: float = 0.0


@dataclass
class FaultPlan:
    """How the paths delay, cut and swallow bytes, and until when."""

    latency_seconds: float = 0.02
    bytes_per_second: float = 1_000_000
    cuts_per_second: float = 0.0
    silences_per_second: float = 0.0
    refusals: float = 0.0
    until: float = 0.0


class World:
    """Time, chance, and every path."""

    def __init__(
        self, seed: int, fault_plan: FaultPlan, words: tuple[str, str] = ("a-b", "a-b")
    ) -> None:
        self.random = Random(seed)
        self.fault_plan = fault_plan
        self.now = Instant(1000.0)
        self.fault_plan.until += self.now
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._link_ids = itertools.count(1)
        self._waiting: dict[PathGeneration, Connection] = {}
        self.connections: list[Connection] = []
        self.representative = End(self, Side.REPRESENTATIVE, words[0])
        self.customer = End(self, Side.CUSTOMER, words[1])
        self.ends = (self.representative, self.customer)
        self.after_each: Callable[[], None] = lambda: None
        self._schedule_faults()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), action))

    def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Let things happen until *until* holds; False when it did not within *seconds*."""
        limit = self.now + seconds
        while not until():
            if not self._events or self._events[0][0] > limit:
                return False
            at, _, action = heapq.heappop(self._events)
            self.now = Instant(max(self.now, at))
            action()
            self.after_each()
        return True

    def kill(self, end: "End") -> None:
        """The process of *end* is gone, and its connections with it."""
        end.is_dead = True
        for connection in [each for each in self.connections if each.end is end]:
            self.cut(connection)

    def restart(self, side: Side, words: str = "a-b") -> "End":
        """A new process takes the place of the end at *side*."""
        new = End(self, side, words)
        if side is Side.CUSTOMER:
            self.customer = new
        else:
            self.representative = new
        self.ends = (self.representative, self.customer)
        return new

    def is_bad(self) -> bool:
        return self.now < self.fault_plan.until

    def connect(self, end: "End", generation: PathGeneration) -> Connection:
        """*end* sends HELLO on a path."""
        new = Connection(LinkId(next(self._link_ids)), generation, end)
        for old in [c for c in self.connections if c.is_open and c.generation == generation]:
            if old.peer is not None or old.end is end:
                self.cut(old)
        other = self._waiting.get(generation)
        if other is not None and other.is_open and other.end is not end:
            del self._waiting[generation]
            new.peer, other.peer = other, new
            for each in (new, other):
                self.later(self._latency(), partial(each.end.on_ready, each))
        else:
            self._waiting[generation] = new
        self.connections.append(new)
        return new

    def send(self, connection: Connection, data: bytes) -> None:
        """Carry *data*, in pieces that are cut anywhere."""
        start = 0
        while start < len(data):
            size = self.random.choice((1, 7, 100, 5_000, 60_000, 60_000, 200_000))
            self._carry(connection, bytes(data[start : start + size]))
            start += size

    def cut(self, connection: Connection) -> None:
        """The connection breaks: what has not arrived never does, and both ends notice."""
        for each in (connection, connection.peer):
            if each is not None and each.is_open:
                each.is_open = False
                self.later(self._latency(), partial(each.end.on_lost, each))

    def _carry(self, connection: Connection, piece: bytes) -> None:
        peer = connection.peer
        if peer is None or not connection.is_open:
            return
        connection.in_flight += len(piece)
        seconds = len(piece) / self.fault_plan.bytes_per_second
        connection.arrives_at = max(connection.arrives_at, self.now + self._latency()) + seconds

        def arrive() -> None:
            connection.in_flight -= len(piece)
            if connection.is_open and peer.is_open and not connection.is_silent:
                peer.end.on_bytes(peer, piece)
                connection.end.on_carried(connection)

        self.later(connection.arrives_at - self.now, arrive)

    def _latency(self) -> float:
        return self.fault_plan.latency_seconds * self.random.uniform(0.5, 1.5)

    def _schedule_faults(self) -> None:
        for rate, fault in (
            (self.fault_plan.cuts_per_second, self._cut_one),
            (self.fault_plan.silences_per_second, self._silence_one),
        ):
            if rate:
                self.later(self.random.expovariate(rate), partial(self._again, fault, rate))

    def _again(self, fault: Callable[[], None], rate: float) -> None:
        if self.is_bad():
            fault()
            self.later(self.random.expovariate(rate), lambda: self._again(fault, rate))

    def _paired(self) -> list[Connection]:
        self.connections = [each for each in self.connections if each.is_open]
        return [each for each in self.connections if each.peer is not None]

    def _cut_one(self) -> None:
        if paired := self._paired():
            self.cut(self.random.choice(paired))

    def _silence_one(self) -> None:
        """One direction, or both, swallow everything from now on, without a sign."""
        if paired := self._paired():
            connection = self.random.choice(paired)
            connection.is_silent = True
            if connection.peer is not None and self.random.random() < 0.5:
                connection.peer.is_silent = True


@dataclass
class Program:
    """What runs at one end; a test gives it something to do."""

    on_stream: Callable[[StreamEffect], None] = lambda effect: None
    effects: list[Effect] = field(default_factory=list[Effect])


class End:
    """One end: a tunnel, its dialling, and a program."""

    def __init__(self, world: World, side: Side, words: str) -> None:
        self.world = world
        self.side = side
        self.program = Program()
        self.ended: Ended | None = None
        self.is_up = False
        self.is_dead = False
        self.paths: list[PathGeneration] = []
        entropy = world.random.randbytes
        self.tunnel = Tunnel(side, Credentials(SESSION, words), entropy, world.now, LinkTiming())
        self._mine: dict[LinkId, Connection] = {}
        self._dialled: dict[PathGeneration, Connection] = {}
        self._blocked: set[LinkId] = set()
        self._timer: float | None = None

    def offer(self, *generations: int) -> None:
        """The control channel brings new paths."""
        fresh = [PathGeneration(each) for each in generations]
        self.paths = [*fresh, *self.paths]
        self.perform(self.tunnel.prefer(self.paths, self.world.now))
        for generation in fresh:
            self._dial(generation, even_when_up=True)

    def perform(self, effects: Effects) -> None:
        for effect in () if self.is_dead else effects:
            match effect:
                case Send(link, data):
                    self._send(link, bytes(data))
                case CloseLink(link):
                    self._close(link)
                case Ended() | PathUp() | PathLost() | Secured() | WordsDiffer() | SecretUnknown():
                    self.program.effects.append(effect)
                    self._note(effect)
                case _:
                    self.program.on_stream(effect)
        self._arm()

    def _note(self, effect: PathEffect) -> None:
        if isinstance(effect, Ended):
            assert self.ended is None, "a tunnel ended twice"
            self.ended = effect
        elif isinstance(effect, PathUp):
            self.is_up = True
            self._stop_dialling()
        elif isinstance(effect, PathLost):
            self.is_up = False
            for generation in self.paths:
                self._dial(generation)

    def flush(self) -> None:
        self.perform(self.tunnel.flush(self.world.now))

    def on_ready(self, connection: Connection) -> None:
        if connection.is_open and self._dialled.pop(connection.generation, None) is connection:
            self._mine[connection.id] = connection
            now, generation = self.world.now, connection.generation
            self.perform(self.tunnel.link_ready(connection.id, generation, now))

    def on_bytes(self, connection: Connection, data: bytes) -> None:
        if connection.id in self._mine:
            self.perform(self.tunnel.link_received(connection.id, data, self.world.now))

    def on_lost(self, connection: Connection) -> None:
        if self._dialled.get(connection.generation) is connection:
            del self._dialled[connection.generation]
            self._redial(connection.generation)
        if self._mine.pop(connection.id, None) is not None:
            self.perform(self.tunnel.link_lost(connection.id, self.world.now))
            self._redial(connection.generation)

    def on_carried(self, connection: Connection) -> None:
        if connection.id in self._blocked and connection.in_flight < BLOCK_BYTES // 4:
            self._blocked.discard(connection.id)
            now = self.world.now
            self.perform(self.tunnel.link_blocked(connection.id, now, blocked=False))

    def _send(self, link: LinkId, data: bytes) -> None:
        connection = self._mine.get(link)
        if connection is None:
            return
        self.world.send(connection, data)
        if connection.in_flight > BLOCK_BYTES and link not in self._blocked:
            self._blocked.add(link)
            self.world.later(0, lambda: self._block(link))

    def _block(self, link: LinkId) -> None:
        if link in self._blocked:
            self.perform(self.tunnel.link_blocked(link, self.world.now, blocked=True))

    def _close(self, link: LinkId) -> None:
        """A graceful close: what was sent before still arrives."""
        connection = self._mine.pop(link, None)
        if connection is not None:
            patience = max(0.0, connection.arrives_at - self.world.now) + 0.001
            self.world.later(patience, lambda: self.world.cut(connection))
            self._redial(connection.generation)

    def _dial(self, generation: PathGeneration, *, even_when_up: bool = False) -> None:
        held = any(each.generation == generation for each in self._mine.values())
        if (
            self.is_dead
            or self.ended
            or generation in self._dialled
            or held
            or (self.is_up and not even_when_up)
        ):
            return
        if self.world.is_bad() and self.world.random.random() < self.world.fault_plan.refusals:
            self.perform(self.tunnel.path_unreachable(generation, self.world.now))
            self._redial(generation)
            return
        self._dialled[generation] = self.world.connect(self, generation)

    def _redial(self, generation: PathGeneration) -> None:
        self.world.later(REDIAL_SECONDS, lambda: self._dial(generation))

    def _stop_dialling(self) -> None:
        dialled, self._dialled = self._dialled, {}
        for connection in dialled.values():
            self.world.cut(connection)

    def _arm(self) -> None:
        deadline = self.tunnel.deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer):
            self._timer = deadline
            self.world.later(max(0.0, deadline - self.world.now), lambda: self._ring(deadline))

    def _ring(self, at: float) -> None:
        if self._timer == at:
            self._timer = None
            self.perform(self.tunnel.tick(self.world.now))

    def effects_of(self, kind: type[Effect]) -> list[Effect]:
        return [each for each in self.program.effects if isinstance(each, kind)]

    @property
    def differences(self) -> list[Effect]:
        return self.effects_of(WordsDiffer)
