"""The timing of a cluster: every duration of the failover follows from three numbers.

The holder acts for `ttl - margin` of its clock, an observer waits `ttl + margin` of its own. The
two periods cannot overlap as long as no clock runs faster than the other by more than
`rate_ratio`: 1.2 for `local` and 1.3 for the other presets, far more than the clocks of working
machines differ. A timing without a margin, or one in which a single lost renewal would end the
role, is refused.
"""

from dataclasses import asdict, dataclass
from typing import Final

from shared.domain.ids import Instant
from shared.domain.timing import LEASE_TIMINGS, LeaseTiming

NEVER: Final = Instant(float("inf"))
"""The time of what is not due."""


@dataclass(frozen=True, slots=True)
class Timing(LeaseTiming):
    """A preset: the lease's three numbers, and how often a master looks at the rest."""

    heartbeat_seconds: float
    """A master publishes its heartbeat and checks its health this often."""

    leaders_seconds: float
    """The primary looks where the leaders of the log servers are this often."""

    def __post_init__(self) -> None:
        if self.margin_seconds <= 0:
            raise ValueError("a lease needs a margin: no two clocks run alike")
        if not 0 < 2 * self.renew_seconds < self.acting_seconds:
            raise ValueError("2 * renew < ttl - margin must hold: one renewal may be lost")
        if not self.heartbeat_seconds < self.ttl_seconds:
            raise ValueError("heartbeat < ttl must hold: who could take over is known in time")

    @property
    def rate_ratio(self) -> float:
        """Return how much faster one clock may run than another before two could act at once."""
        return self.waiting_seconds / self.acting_seconds

    @property
    def acting_seconds(self) -> float:
        """Return how long after sending a successful renewal the holder may act."""
        return self.ttl_seconds - self.margin_seconds

    @property
    def waiting_seconds(self) -> float:
        """Return how long an observer sees no change before it may take the lease."""
        return self.ttl_seconds + self.margin_seconds

    @property
    def read_seconds(self) -> float:
        """Return how often an observer reads the key.

        It waits from the read that finds a change, so a rare read only makes it wait longer.
        Several lost reads in a row do not blind it.
        """
        return self.renew_seconds / 4

    @property
    def blind_seconds(self) -> float:
        """Return the pause between two successful reads after which silence proves nothing."""
        return 2 * self.renew_seconds

    @property
    def request_seconds(self) -> float:
        """Return how long before the end of a role that cannot be renewed to request promises.

        This leaves time for three requests.
        """
        return 3 * self.renew_seconds

    @property
    def probe_seconds(self) -> float:
        """Return the time limit of the probe write before a vote; the vote still comes in time."""
        return self.renew_seconds / 2

    @property
    def store_timeout_seconds(self) -> float:
        """Return how long config may commit nothing while another master could take over."""
        return 2 * self.ttl_seconds


def _preset(name: str, *, heartbeat_seconds: float, leaders_seconds: float) -> Timing:
    """Add a master's own numbers to those that the cluster shares under *name*."""
    return Timing(
        **asdict(LEASE_TIMINGS[name]),
        heartbeat_seconds=heartbeat_seconds,
        leaders_seconds=leaders_seconds,
    )


PRESETS: Final = {
    # Two heartbeats a second; the leaders every two seconds, so that a demo shows it.
    "local": _preset("local", heartbeat_seconds=0.5, leaders_seconds=2.0),
    # An election costs more than a leader in the wrong place.
    "lan": _preset("lan", heartbeat_seconds=0.5, leaders_seconds=10.0),
    "wan": _preset("wan", heartbeat_seconds=1.0, leaders_seconds=10.0),
}
