"""What a mutant is."""

from dataclasses import dataclass
from typing import Final

FAILOVER: Final = ("tests/unit/failover_monitor", "tests/simulation/failover")


@dataclass(frozen=True)
class Mutant:
    """*module* with *old*, which stands in it once, replaced by *new*."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...] = FAILOVER
