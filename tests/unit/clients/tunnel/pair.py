"""Two tunnel ends on a table: links are made by hand, and every frame can be held or altered."""

from collections.abc import Callable
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
    StreamData,
    StreamEffect,
    StreamId,
    WordsDiffer,
)
from clients.tunnel.exchange import Credentials
from clients.tunnel.links import LinkTiming
from clients.tunnel.tunnel import Tunnel
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side

SESSION = SessionId("4821739")
CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE
NEVER = float("inf")
Alter = Callable[[bytes], bytes | None]
"""What becomes of bytes on their way: the same, others, or nothing."""


def unaltered(data: bytes) -> bytes | None:
    return data


class End:
    """One end, its effects sorted by kind."""

    def __init__(self, side: Side, words: str | None, seed: int, timing: LinkTiming) -> None:
        entropy = Random(f"{seed} {side}").randbytes
        self.side = side
        self.tunnel = Tunnel(side, Credentials(SESSION, words), entropy, Instant(0.0), timing)
        self.facts: list[PathEffect] = []
        self.stream_effects: list[StreamEffect] = []
        self.closed: list[LinkId] = []
        self.outbox: list[Send] = []

    def take(self, effects: Effects) -> None:
        for effect in effects:
            self._sort(effect)

    def facts_of(self, kind: type[PathEffect]) -> list[PathEffect]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def received(self) -> bytes:
        """All bytes of all streams."""
        data = (each.data for each in self.stream_effects if isinstance(each, StreamData))
        return b"".join(data)

    @property
    def ended(self) -> Ended | None:
        return next((fact for fact in self.facts if isinstance(fact, Ended)), None)

    @property
    def ups(self) -> list[PathUp]:
        return [fact for fact in self.facts if isinstance(fact, PathUp)]

    def _sort(self, effect: Effect) -> None:
        match effect:
            case Send():
                self.outbox.append(effect)
            case CloseLink(link):
                self.closed.append(link)
            case Ended() | PathUp() | PathLost() | Secured() | WordsDiffer() | SecretUnknown():
                self.facts.append(effect)
            case _:
                self.stream_effects.append(effect)


class Pair:
    """Both ends. Link *n* of one end is link *n* of the other; time moves by `wait` alone."""

    def __init__(
        self,
        words: tuple[str | None, str | None] = ("lusab-rodim", "lusab-rodim"),
        timing: LinkTiming | None = None,
    ) -> None:
        timing = timing or LinkTiming()
        self.now = Instant(0.0)
        self.representative = End(REPRESENTATIVE, words[0], 1, timing)
        self.customer = End(CUSTOMER, words[1], 2, timing)
        self.ends = (self.representative, self.customer)
        self.alter: dict[Side, Alter] = dict.fromkeys(Side, unaltered)
        self.carried: list[tuple[Side, bytes]] = []
        self.links = 0
        self.prefer(1, 2, 3)

    def prefer(self, *order: int) -> None:
        for end in self.ends:
            end.take(end.tunnel.prefer([PathGeneration(each) for each in order], self.now))

    def replace(self, end: End) -> None:
        """Another process takes the place of an end."""
        if end.side is CUSTOMER:
            self.customer = end
        else:
            self.representative = end
        self.ends = (self.representative, self.customer)
        self.prefer(1, 2, 3)

    def ready(self, generation: int, *, settle: bool = True) -> LinkId:
        """A relay says READY to both."""
        self.links += 1
        link = LinkId(self.links)
        for end in self.ends:
            end.take(end.tunnel.link_ready(link, PathGeneration(generation), self.now))
        if settle:
            self.settle()
        return link

    def settle(self) -> None:
        """Deliver everything until both are silent."""
        while any(end.outbox for end in self.ends):
            for end, other in (self.ends, self.ends[::-1]):
                self.deliver(end, other)

    def deliver(self, end: End, other: End) -> None:
        """Deliver what *end* has sent so far."""
        sent, end.outbox = end.outbox, []
        for send in sent:
            self.carried.append((end.side, bytes(send.data)))
            data = self.alter[end.side](bytes(send.data))
            if data is not None and send.link not in other.closed:
                other.take(other.tunnel.link_received(send.link, data, self.now))

    def hand(self, end: End, link: int, data: bytes) -> None:
        """Give *end* bytes that the other end never sent, on *link*."""
        end.take(end.tunnel.link_received(LinkId(link), data, self.now))

    def lose(self, link: int) -> None:
        """The connection breaks; what is under way is gone."""
        for end in self.ends:
            end.outbox = [send for send in end.outbox if send.link != link]
            end.take(end.tunnel.link_lost(LinkId(link), self.now))

    def wait(self, seconds: float, *, settle: bool = True) -> None:
        """Let time pass, ringing at each deadline."""
        until = self.now + seconds
        while True:
            deadlines = [end.tunnel.deadline() for end in self.ends]
            due = min((each for each in deadlines if each is not None), default=NEVER)
            if due > until:
                break
            self.now = Instant(max(due, self.now + 1e-6))
            self._tick(settle=settle)
        self.now = Instant(until)
        self._tick(settle=settle)

    def open(self, data: bytes = b"") -> StreamId:
        """The representative opens a stream and sends *data* on it."""
        streams = self.representative.tunnel.streams
        stream = streams.open()
        assert stream is not None
        streams.send(stream, data)
        self.flush(self.representative)
        return stream

    def flush(self, end: End) -> None:
        end.take(end.tunnel.flush(self.now))

    def _tick(self, *, settle: bool) -> None:
        for end in self.ends:
            end.take(end.tunnel.tick(self.now))
        if settle:
            self.settle()
