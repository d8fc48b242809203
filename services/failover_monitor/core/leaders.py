"""Where the leaders of JetStream belong: never beside the primary.

A leader that dies with the primary costs an election of 4 to 8 s; one that lives elsewhere costs
nothing. The witness is preferred, another master stands in while the witness is away.
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
    """The leaders that stand beside this primary, and where each goes.

    A group without anybody current stays: an election would find nobody better.
    """
    return tuple(
        Move(group.name, witness if witness in group.current else min(group.current))
        for group in groups
        if group.leader == own and group.current - {own}
    )
