"""The extra traffic nodes and gateways of a site in containers, each a compose project of its own.

They are recorded in a file beside the site's secrets, so that `make up` brings them back after
`make down`. A container of an extra that the record does not know is adopted into it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.errors import BadSettings
from stack.containers.core.facts import Container, UnitKind

FILE: Final = "extras.json"
RELAY_PORT: Final = "RELAY_PORT"
GATEWAY_PORT: Final = "GATEWAY_PORT"


class ExtraKind(StrEnum):
    """What an extra is."""

    TRAFFIC_NODE = "traffic-node"
    GATEWAY = "gateway"


@dataclass(frozen=True, order=True)
class Extra:
    """An extra traffic node, or an extra gateway of the master *node*; *port* is published."""

    kind: ExtraKind
    node: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.node}-gateway" if self.kind is ExtraKind.GATEWAY else self.node

    @property
    def unit_kind(self) -> UnitKind:
        is_gateway = self.kind is ExtraKind.GATEWAY
        return UnitKind.GATEWAY if is_gateway else UnitKind.TRAFFIC_NODE

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files, from the project's root."""
        if self.kind is ExtraKind.GATEWAY:
            return ("compose/gateway/docker-compose.yml",)
        return ("compose/traffic/docker-compose.yml", "compose/traffic/beside.yml")

    @property
    def port_variable(self) -> str:
        return GATEWAY_PORT if self.kind is ExtraKind.GATEWAY else RELAY_PORT


def format_extras(extras: Iterable[Extra]) -> str:
    """The record of *extras* as JSON."""
    rows = [
        {"kind": str(each.kind), "node": each.node, "port": each.port} for each in sorted(extras)
    ]
    return json.dumps({"extras": rows}, indent=2) + "\n"


def read_extras(text: str, what: str) -> frozenset[Extra]:
    """Read a record; *what* names it in errors.

    Raises:
        BadSettings: it is damaged.
    """
    try:
        return frozenset(
            Extra(
                each.choice("kind", ExtraKind), each.text("node"), each.integer("port", most=65535)
            )
            for each in decode_object(text, what).objects("extras")
        )
    except Undecodable as error:
        raise BadSettings(
            f"{error.message}: remove {what}, and make each extra node or gateway again"
        ) from error


def with_extra(extras: Iterable[Extra], new: Extra) -> frozenset[Extra]:
    """*extras* with *new*, which replaces the one of its name."""
    return frozenset({each for each in extras if each.name != new.name} | {new})


def adopt(
    recorded: Iterable[Extra], containers: Iterable[Container], project: str
) -> frozenset[Extra]:
    """The *recorded* extras, and those of which there are only containers."""
    extras = frozenset(recorded)
    for each in containers:
        is_extra = each.project != project and each.node and each.port
        found = _extra_of(each) if is_extra else None
        if found is not None and found.name not in {extra.name for extra in extras}:
            extras |= {found}
    return extras


def _extra_of(container: Container) -> Extra | None:
    """The extra whose published service *container* is; None for any other."""
    kinds = {"relay": ExtraKind.TRAFFIC_NODE, "gateway": ExtraKind.GATEWAY}
    kind = kinds.get(container.service)
    return None if kind is None else Extra(kind, container.node, container.port)
