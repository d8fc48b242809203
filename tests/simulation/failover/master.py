"""A master in the simulated world: its monitor, its clock, and what is wrong with it."""

from dataclasses import dataclass, field

from services.failover_monitor.core.monitor import Monitor
from shared.domain.ids import Instant, NodeId
from tests.simulation.failover.services import Services


@dataclass(eq=False)
class Master:
    """One master; *lives* counts the processes that its monitor has had."""

    node: NodeId
    offset: float
    rate: float
    services: Services
    lives: int = 0
    instance: str = ""
    """The name of the monitor's process."""

    monitor: Monitor = field(init=False)
    frozen_until: float = 0.0
    is_up: bool = False
    mute: bool = False
    deaf: bool = False
    fit: bool = True
    hands_over: str = ""
    """The monitor's process whose shell is handing the role over."""

    tick_at: float | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether it does not hear, or is not heard."""
        return self.mute or self.deaf

    def acts(self, true: float) -> bool:
        """Whether it calls itself primary at *true* time."""
        return self.is_up and self.monitor.is_primary(Instant(self.offset + true * self.rate))

    def clock(self, true: float) -> Instant:
        """What its clock reads at *true* time."""
        return Instant(self.offset + true * self.rate)

    def true(self, reading: float) -> float:
        return (reading - self.offset) / self.rate
