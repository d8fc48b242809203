"""How patient a cluster is; every duration of the failover follows from three numbers."""

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
        """How often an observer reads: one lost read does not blind it."""
        return self.renew_seconds / 2

    @property
    def blind_seconds(self) -> float:
        """A pause between two successful reads after which silence proves nothing."""
        return 2 * self.renew_seconds

    @property
    def store_timeout_seconds(self) -> float:
        """How long config may commit nothing while somebody else could."""
        return 3 * self.ttl_seconds


PRESETS: Final = {
    "local": Timing(0.25, 1.5, 0.15, heartbeat_seconds=0.5, leaders_seconds=2.0),
    "lan": Timing(0.5, 3.0, 0.4, heartbeat_seconds=0.5, leaders_seconds=10.0),
    "wan": Timing(1.0, 6.0, 0.8, heartbeat_seconds=1.0, leaders_seconds=10.0),
}
