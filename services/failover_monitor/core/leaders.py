"""Where the leaders of JetStream belong: on the witness, and never beside the primary.

A leader that dies with the primary costs an election of 4 to 8 s; one that lives elsewhere costs
nothing. Another master stands in while the witness is away, and gives back when it returns: a
leader beside the backup would be beside the primary after a failover.
"""

from collections.abc import Iterable
from dataclasses import dataclass

META = "meta"
"""The leader of JetStream itself, beside those of the streams."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of servers that elect a leader; *current* are the others that could lead at once."""

    name: str
    leader: str | None
    current: frozenset[str]


@dataclass(frozen=True, slots=True)
class Move:
    """*group*'s leader steps down in favour of *preferred*."""

    group: str
    preferred: str


def moves(groups: Iterable[Group], own: str, witness: str) -> tuple[Move, ...]:
    """The leaders that stand elsewhere than they should, and where each goes."""
    places = ((group.name, _better(group, own, witness)) for group in groups)
    return tuple(Move(name, place) for name, place in places if place is not None)


def _better(group: Group, own: str, witness: str) -> str | None:
    """Where *group*'s leader should rather be; None when it stays.

    A group without anybody current stays: an election would find nobody better.
    """
    if group.leader is None or group.leader == witness:
        return None
    if witness in group.current:
        return witness
    return min(group.current - {own}, default=None) if group.leader == own else None
