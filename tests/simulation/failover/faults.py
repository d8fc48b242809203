"""Fault plans of the network, flaws of a shell around the cores, and how long elections take."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

ELECTION_SECONDS: Final = (4.0, 8.0)


@dataclass(frozen=True)
class FaultPlan:
    """The chances of loss and of an old answer, and the longest delay of a message."""

    lost: float = 0.0
    late: float = 0.0
    stale: float = 0.0
    repeated: float = 0.0
    delay: float = 0.01
    is_fault_free: bool = field(init=False)
    """Nothing is lost, and messages take no time: most of a scenario's time passes like this."""

    @property
    def is_calm(self) -> bool:
        """Whether every message arrives, soon and once."""
        return not any((self.lost, self.late, self.stale, self.repeated)) and self.delay <= 0.02

    def __post_init__(self) -> None:
        bad = (self.lost, self.late, self.stale, self.repeated, self.delay)
        object.__setattr__(self, "is_fault_free", not any(bad))


NO_FAULTS: Final = FaultPlan(delay=0.0)
USUAL_FAULTS: Final = FaultPlan()


def random_fault_plan(random: Random) -> FaultPlan:
    """Draw a plan with faults of any kind."""
    worst = (0.6, 0.5, 0.3, 0.3)
    lost, late, stale, repeated = (random.uniform(0, each) for each in worst)
    return FaultPlan(lost, late, stale, repeated, delay=random.uniform(0, 0.2))


@dataclass(frozen=True)
class Flaws:
    """Faults that a shell could have: known ones, each made by hand once."""

    clock_stands_still_in_suspend: bool = False
    copies_count: bool = False
    duplicate_is_success: bool = False
    grant_counts_from_arrival: bool = False
    handing_over_does_not_wait_for_grants: bool = False
    handover_does_not_wait_for_config: bool = False
    silent_masters_need_not_promise: bool = False
