"""The parts of a site: its nodes, their services, their ports and their folders.

The list of nodes and services is data; everything else follows from it. The layout is decided
once, before anything starts, and written to `site.json`, where commands in another shell find the
gateways and the certificate authority. It names no secret, only the files that hold them.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_mapping
from shared.domain.ids import NodeId, parse_node_id
from shared.domain.node import NodeRole
from stack.failure import StartFailed
from stack.links import Kind, Link, links_between
from stack.paths import UNFINISHED, StatePaths
from stack.ports import HOST

FILE: Final = "site.json"
FORMAT: Final = 1

TRAFFIC_SERVICES: Final = ("relay", "replication")
MASTER_SERVICES: Final = (
    *("config", "replication", "failover_monitor", "node_selector", "gateway", "relay", "webhooks"),
)
SERVICES: Final[dict[NodeRole, tuple[str, ...]]] = {
    NodeRole.MASTER: MASTER_SERVICES,
    NodeRole.TRAFFIC: TRAFFIC_SERVICES,
    NodeRole.WITNESS: (),
}


@dataclass(frozen=True)
class Place:
    """One node of the site that is to be: its name, its part, where in the world it stands."""

    name: str
    role: NodeRole
    region: str
    timezone: str
    latitude: float
    longitude: float


PLACES: Final = (
    Place("alpha", NodeRole.MASTER, "eu", "Europe/Paris", 48.9, 2.4),
    Place("bravo", NodeRole.MASTER, "us", "America/New_York", 40.7, -74.0),
    Place("witness", NodeRole.WITNESS, "eu", "Europe/London", 51.5, -0.1),
    Place("berlin", NodeRole.TRAFFIC, "eu", "Europe/Berlin", 52.5, 13.4),
    Place("denver", NodeRole.TRAFFIC, "us", "America/Denver", 39.7, -105.0),
    Place("tokyo", NodeRole.TRAFFIC, "ap", "Asia/Tokyo", 35.7, 139.7),
)


@dataclass(frozen=True)
class NatsPorts:
    """The ports of one NATS server: for clients, for other servers, for its health."""

    client: int
    cluster: int
    monitor: int


@dataclass(frozen=True)
class NodeLayout:
    """One node with its ports; 0 or None where it has no such server.

    *services* gives the port of each service's health and metrics.
    """

    place: Place
    services: dict[str, int]
    nats: NatsPorts | None = None
    postgres: int = 0
    relay: int = 0
    gateway: int = 0

    @property
    def name(self) -> NodeId:
        return parse_node_id(self.place.name)

    @property
    def gateway_url(self) -> str | None:
        return f"https://{HOST}:{self.gateway}" if self.gateway else None


@dataclass(frozen=True)
class Layout(StatePaths):
    """The whole site in its folder; *guard* is the first port of its block.

    *links* are the ways between its nodes that can be cut; most sites have none.
    """

    name: str
    state: Path
    guard: int
    nodes: tuple[NodeLayout, ...]
    links: tuple[Link, ...] = ()

    def node(self, name: str) -> NodeLayout:
        """Find a node.

        Raises:
            StartFailed: there is none of that name.
        """
        for each in self.nodes:
            if each.name == name:
                return each
        raise StartFailed(f"the site has no node {name!r}: {', '.join(n.name for n in self.nodes)}")

    def with_role(self, role: NodeRole) -> tuple[NodeLayout, ...]:
        return tuple(node for node in self.nodes if node.place.role is role)

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(node.place for node in self.nodes)

    @property
    def masters(self) -> tuple[NodeLayout, ...]:
        return self.with_role(NodeRole.MASTER)

    @property
    def servers(self) -> tuple[NodeLayout, ...]:
        """The nodes that run a NATS server."""
        return tuple(node for node in self.nodes if node.nats is not None)

    @property
    def witness(self) -> NodeLayout:
        return self.with_role(NodeRole.WITNESS)[0]

    @property
    def gateway_urls(self) -> tuple[str, ...]:
        return tuple(node.gateway_url for node in self.nodes if node.gateway_url)

    @property
    def ca_file(self) -> Path:
        return self.node_folder(self.masters[0].name) / "ca.pem"

    @property
    def admin_password_file(self) -> Path:
        return self.secret("admin")

    def nats_port(self, origin: NodeLayout, target: NodeLayout, kind: Kind) -> int:
        """Give the port where *origin* finds the server of *target*: its link, if there is one."""
        assert target.nats is not None, "only masters and the witness run a server"
        for link in self.links:
            if (link.origin, link.target, link.kind) == (origin.name, target.name, kind):
                return link.port
        return target.nats.client if kind == "client" else target.nats.cluster

    def write(self) -> None:
        """Write `site.json`, whole or not at all: with it, the start has come to its end."""
        document = {
            "format": FORMAT,
            "gateway_urls": self.gateway_urls,
            "ca_file": str(self.ca_file),
            "admin_password_file": str(self.admin_password_file),
            **TypeAdapter(Layout).dump_python(self, mode="json"),
        }
        draft = self.state / f"{FILE}.new"
        draft.write_text(json.dumps(document, indent=2) + "\n")
        draft.rename(self.state / FILE)
        (self.state / UNFINISHED).unlink(missing_ok=True)


def plan(
    name: str,
    state: Path,
    guard: int,
    take: Callable[[], int],
    places: tuple[Place, ...] = PLACES,
    *,
    linked: bool = False,
) -> Layout:
    """Lay out *places* with ports from *take*; *linked*: they meet over links that can be cut."""
    layout = Layout(name, state, guard, tuple(_node(place, take) for place in places))
    if not linked:
        return layout
    servers = tuple(node.name for node in layout.servers)
    return replace(layout, links=links_between((each.name for each in places), servers, take))


def ports_of(places: tuple[Place, ...], *, linked: bool = False) -> int:
    """Count the ports that a site of *places* needs."""
    numbers = itertools.count()
    plan("", Path(), 0, lambda: next(numbers), places, linked=linked)
    return next(numbers)


def read(state: Path) -> Layout | None:
    """Read the layout of the site kept in *state*; None when there is none.

    Raises:
        StartFailed: the file is damaged or of another format.
    """
    try:
        document = decode_mapping((state / FILE).read_bytes(), FILE)
        if document.get("format") != FORMAT:
            raise StartFailed(f"{state / FILE} was written by another version")
        return TypeAdapter(Layout).validate_python({**document, "state": state})
    except FileNotFoundError:
        return None
    except (Undecodable, ValidationError) as error:
        raise StartFailed(f"{state / FILE} is damaged: {error}") from error


def _node(place: Place, take: Callable[[], int]) -> NodeLayout:
    is_master = place.role is NodeRole.MASTER
    runs_nats = place.role in (NodeRole.MASTER, NodeRole.WITNESS)
    return NodeLayout(
        place=place,
        services={service: take() for service in SERVICES[place.role]},
        nats=NatsPorts(take(), take(), take()) if runs_nats else None,
        postgres=take() if is_master else 0,
        relay=take() if "relay" in SERVICES[place.role] else 0,
        gateway=take() if is_master else 0,
    )
