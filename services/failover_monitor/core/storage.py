"""Decides when to report that a log server has little storage left, or enough again; each once.

Full servers accept no entry of the log, and so no change of the configuration.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LOW: Final = 0.70
"""From this used share on, little storage is left."""

ENOUGH: Final = 0.65
"""Below this used share there is enough again; between the two nothing is reported."""


@dataclass(frozen=True, slots=True)
class ServerStorage:
    """The part of its storage limit that the streams of a server use."""

    server: str
    used_bytes: int
    limit_bytes: int

    @property
    def used_share(self) -> float:
        """Return the used share of the limit, from 0 to 1; 0 for a server without a limit."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes > 0 else 0.0


class StorageWatch:
    """The servers that were last reported to have little storage left."""

    def __init__(self) -> None:
        self._low: set[str] = set()

    def is_low(self, server: str) -> bool:
        """Say whether *server* was last reported to have little storage left."""
        return server in self._low

    def find_changes(self, servers: Iterable[ServerStorage]) -> tuple[ServerStorage, ...]:
        """Find those of *servers* to report; a server that did not answer is not reported."""
        changed = [each for each in servers if self._has_changed(each)]
        self._low ^= {each.server for each in changed}
        return tuple(changed)

    def _has_changed(self, storage: ServerStorage) -> bool:
        share = storage.used_share
        return share < ENOUGH if storage.server in self._low else share >= LOW
