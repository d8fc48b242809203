"""The nodes that selection chose for a session, and its verdict on every node."""

from dataclasses import dataclass

from shared.domain.ids import NodeId


@dataclass(frozen=True, slots=True)
class NodeVerdict:
    """One node in the explanation: its rank (from 1), or the one reason it was refused."""

    node: NodeId
    rank: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A node in the ordered answer, with the address that endpoints connect to."""

    node: NodeId
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """The address behind which the network finds a node by itself."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RehearsedPlacement:
    """The placement of one client: None when no node takes it.

    *kilometres* is None where one of the two places is not known.
    """

    node: NodeId | None
    kilometres: float | None = None
