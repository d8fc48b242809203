"""The timing of a cluster: every duration of the failover follows from three numbers.

The holder acts for `ttl - margin` of its clock, an observer waits `ttl + margin` of its own. The
two periods cannot overlap as long as no clock runs faster than the other by more than
`rate_ratio`: 1.2 for `local` and 1.3 for the other presets, far more than the clocks of working
machines differ. A timing without a margin, or one in which a single lost renewal would end the
role, is refused.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant

NEVER: Final = Instant(float("inf"))
"""The time of what is not due."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A preset: how often the lease is renewed, how long it lasts, and what clocks may differ."""

    renew_seconds: float
    """The holder renews its lease this often."""

    ttl_seconds: float
    """The lease lasts this long without a renewal."""

    margin_seconds: float
    """The holder stops this much before the end of the ttl, an observer waits this much longer."""

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


PRESETS: Final = {
    # For processes on one machine: tests and the demo.
    "local": Timing(
        renew_seconds=0.25,  # four renewals a second
        ttl_seconds=1.5,  # a takeover begins 1.65 s after the last renewal
        margin_seconds=0.15,  # clocks may run apart by a fifth
        heartbeat_seconds=0.5,  # two heartbeats a second
        leaders_seconds=2.0,  # every two seconds, so that a demo shows it
    ),
    # For machines in one building or data centre.
    "lan": Timing(
        renew_seconds=0.5,  # two renewals a second
        ttl_seconds=3.0,  # a takeover begins 3.4 s after the last renewal
        margin_seconds=0.4,  # clocks may run apart by three tenths
        heartbeat_seconds=0.5,  # two heartbeats a second
        leaders_seconds=10.0,  # an election costs more than a leader in the wrong place
    ),
    # For machines in several regions.
    "wan": Timing(
        renew_seconds=1.0,  # one renewal a second
        ttl_seconds=6.0,  # a takeover begins 6.8 s after the last renewal
        margin_seconds=0.8,  # clocks may run apart by three tenths
        heartbeat_seconds=1.0,  # one heartbeat a second
        leaders_seconds=10.0,  # an election costs more than a leader in the wrong place
    ),
}
