"""The open conflict as a backup holds it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """A conflict that a master keeps: the master's description, and the entries as bundles."""

    line: dict[str, Any]
    bundles: list[str]
