"""A site of many nodes over the world, and clients who ask for one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import Final

from services.node_selector.core.facts import End, Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.roster import Roster
from shared.documents.node import Address, Location, NodeDocument
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.node import NodeRole

VERSION: Final = "1.0"
OFFSETS: Final = tuple(
    f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    for minutes in (*range(-720, 841, 60), -210, 210, 270, 330, 345, 390, 525, 570, 630, 765)
)
"""The offsets in use on earth, more or less."""

FIRST_NETWORK: Final = int(IPv4Address("16.0.0.0"))
OUTSIDE: Final = int(IPv4Address("5.0.0.0"))
NETWORK_BITS: Final = 24
MEASURED: Final = 8


@dataclass(frozen=True)
class Shape:
    """How many nodes there are, how many prefixes all together, in how many time zones.

    *capacity* is each node's.
    """

    nodes: int = 1_000
    prefixes: int = 10_000
    zones: int = len(OFFSETS)
    capacity: int = 1_000


class Population:
    """The site's roster, with every node alive and a little loaded, and its clients."""

    def __init__(self, shape: Shape, seed: int = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - the same site in every run
        self._prefixes = shape.prefixes
        self.nodes = {NodeId(f"node-{at}"): self._node(at, shape) for at in range(shape.nodes)}
        self.roster = Roster(VERSION)
        self.roster.update_directory(SiteDocument(name="bench"), self.nodes)
        for node in self.nodes:
            load = Load(self._random.randrange(100), draining=False, version=VERSION)
            self.roster.record_relay(node, load, Instant(0.0))

    def without(self, node: NodeId) -> None:
        """One node is taken out of the directory."""
        del self.nodes[node]
        self.roster.update_directory(SiteDocument(name="bench"), self.nodes)

    def questions(self, count: int, *, in_prefix: bool = False) -> list[Question]:
        """Clients with every fact that a method asks for; those *in_prefix* match a network."""
        return [self._question(in_prefix=in_prefix) for _ in range(count)]

    def stream(self, count: int) -> Iterator[Question]:
        """As many clients, each made when it is asked for, with an address of its own."""
        for number in range(count):
            end = End(str(IPv4Address(FIRST_NETWORK + number)), utc_offset_minutes=0)
            yield Question(end=end, chance=self._random.getrandbits(64))

    def _question(self, *, in_prefix: bool) -> Question:
        draw = self._random
        if in_prefix:
            network = draw.randrange(self._prefixes) << (32 - NETWORK_BITS)
            address = FIRST_NETWORK + network + draw.randrange(256)
        else:
            address = OUTSIDE + draw.getrandbits(24)
        measured = draw.sample(list(self.nodes), min(MEASURED, len(self.nodes)))
        end = End(
            str(IPv4Address(address)),
            utc_offset_minutes=draw.choice(range(-720, 841, 60)),
            latencies_ms={node: draw.uniform(1, 300) for node in measured},
            location=self._place(),
        )
        return Question(end=end, chance=draw.getrandbits(64))

    def _node(self, at: int, shape: Shape) -> NodeDocument:
        mine = range(at * shape.prefixes // shape.nodes, (at + 1) * shape.prefixes // shape.nodes)
        width = 1 << (32 - NETWORK_BITS)
        return NodeDocument.model_construct(
            role=NodeRole.TRAFFIC,
            capacity=shape.capacity,
            public_address=Address(host=f"node-{at}.example.com", port=443),
            timezone=OFFSETS[at % shape.zones],
            location=self._place(),
            prefixes=tuple(
                IPv4Network((FIRST_NETWORK + number * width, NETWORK_BITS)) for number in mine
            ),
        )

    def _place(self) -> Location:
        """Somewhere among so many cities as there are on a map of the world."""
        city = Random(self._random.randrange(200))  # noqa: S311 - the same cities in every run
        return Location(latitude=city.uniform(-50, 65), longitude=city.uniform(-180, 180))
