"""Decides where JetStream's leaders belong: on the witness, and never beside the primary.

A leader that dies with the primary costs an election of 4 to 8 s; one that lives elsewhere costs
nothing. The other master's server stands in while the witness is away, and gives the leaders back
when it returns: a leader beside the backup would be beside the primary after a failover.
"""

from collections.abc import Iterable
from dataclasses import dataclass

META = "meta"
"""The group of JetStream itself, beside those of the streams."""


@dataclass(frozen=True, slots=True)
class RaftGroup:
    """A group of servers that elect a leader; *current* are the others that could lead at once."""

    name: str
    leader: str | None
    current: frozenset[str]


@dataclass(frozen=True, slots=True)
class LeaderMove:
    """The order that *group*'s leader steps down in favour of *preferred*."""

    group: str
    preferred: str


def plan_moves(groups: Iterable[RaftGroup], own: str, witness: str) -> tuple[LeaderMove, ...]:
    """Plan a move for each leader that is on the wrong server."""
    servers = ((group.name, _better_server(group, own, witness)) for group in groups)
    return tuple(LeaderMove(name, server) for name, server in servers if server is not None)


def _better_server(group: RaftGroup, own: str, witness: str) -> str | None:
    """Return the server on which *group*'s leader should rather be; None when it stays.

    A group in which no other server is current stays: an election would find none better.
    """
    if group.leader is None or group.leader == witness:
        return None
    if witness in group.current:
        return witness
    return min(group.current - {own}, default=None) if group.leader == own else None
