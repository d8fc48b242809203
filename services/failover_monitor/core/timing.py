"""How patient a cluster is; every duration of the failover follows from three numbers.

The holder acts for `ttl - margin` of its clock, an observer waits `ttl + margin` of its own. Both
stay apart as long as no clock runs faster than the other by more than `rate_ratio`, which is 1.2
for `local` and 1.3 for the others: far more than the clocks of machines that work. A timing
without a margin, or one in which a single lost renewal would end the role, is refused.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Timing:
    """A preset: how often the lease is renewed, how long it lasts, and what clocks may differ."""

    renew_seconds: float
    ttl_seconds: float
    margin_seconds: float
    heartbeat_seconds: float
    leaders_seconds: float

    def __post_init__(self) -> None:
        if self.margin_seconds <= 0:
            raise ValueError("a lease needs a margin: no two clocks run alike")
        if not 0 < 2 * self.renew_seconds < self.acting_seconds:
            raise ValueError("2 * renew < ttl - margin must hold: one renewal may be lost")
        if not self.heartbeat_seconds < self.ttl_seconds:
            raise ValueError("heartbeat < ttl must hold: who could take over is known in time")

    @property
    def rate_ratio(self) -> float:
        """How much faster one clock may run than another before two could act at once."""
        return self.waiting_seconds / self.acting_seconds

    @property
    def acting_seconds(self) -> float:
        """How long after sending a renewal that succeeded the holder may act."""
        return self.ttl_seconds - self.margin_seconds

    @property
    def waiting_seconds(self) -> float:
        """How long an observer sees no change before it may take the lease."""
        return self.ttl_seconds + self.margin_seconds

    @property
    def read_seconds(self) -> float:
        """How often an observer reads.

        What it sees late, it waits longer; and several lost reads do not blind it.
        """
        return self.renew_seconds / 4

    @property
    def blind_seconds(self) -> float:
        """A pause between two successful reads after which silence proves nothing."""
        return 2 * self.renew_seconds

    @property
    def asking_seconds(self) -> float:
        """How long before its end a role that cannot be renewed asks for promises: three times."""
        return 3 * self.renew_seconds

    @property
    def probe_seconds(self) -> float:
        """How long a write that is asked for takes at most: the answer must come in time, too."""
        return self.renew_seconds / 2

    @property
    def store_timeout_seconds(self) -> float:
        """How long config may commit nothing while somebody else could."""
        return 3 * self.ttl_seconds


PRESETS: Final = {
    "local": Timing(0.25, 1.5, 0.15, heartbeat_seconds=0.5, leaders_seconds=2.0),
    "lan": Timing(0.5, 3.0, 0.4, heartbeat_seconds=0.5, leaders_seconds=10.0),
    "wan": Timing(1.0, 6.0, 0.8, heartbeat_seconds=1.0, leaders_seconds=10.0),
}
