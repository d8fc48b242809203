"""An open conflict as a backup holds it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """How a master described a conflict that it keeps, and the conflict's entries as bundles."""

    line: dict[str, Any]
    bundles: list[str]
