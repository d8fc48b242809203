"""When the log's servers have little room left: told once, and once more when it is enough again.

Full servers take no entry of the log any more, and so no change of the configuration.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LOW: Final = 0.70
ENOUGH: Final = 0.65
"""Below it little room is enough again; between the two nothing is told twice."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the disk that it may use a server's streams take."""

    server: str
    used_bytes: int
    limit_bytes: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 of a server without a limit."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes > 0 else 0.0


class RoomWatch:
    """Which servers have little room left, as far as was told."""

    def __init__(self) -> None:
        self.low: set[str] = set()

    def found(self, rooms: Iterable[Room]) -> tuple[Room, ...]:
        """Those of *rooms* of which there is something new to tell; a silent server has no news."""
        changed = [each for each in rooms if self._changes(each)]
        self.low ^= {each.server for each in changed}
        return tuple(changed)

    def _changes(self, room: Room) -> bool:
        return room.share < ENOUGH if room.server in self.low else room.share >= LOW
