"""The three numbers of a cluster's patience, which every process of a master derives its own from.

The monitor decides by them who is primary; config shows that it commits as often as they ask for.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """How often the lease is renewed, how long it lasts, and what clocks may differ."""

    renew_seconds: float
    """The holder renews its lease this often."""

    ttl_seconds: float
    """The lease lasts this long without a renewal."""

    margin_seconds: float
    """The holder stops this much before the end of the ttl, an observer waits this much longer."""


LEASE_TIMINGS: Final = {
    # For processes on one machine, tests and the demo: four renewals a second, a takeover begins
    # 1.65 s after the last one, and clocks may run apart by a fifth.
    "local": LeaseTiming(renew_seconds=0.25, ttl_seconds=1.5, margin_seconds=0.15),
    # For machines in one building or data centre: two renewals a second, a takeover begins 3.4 s
    # after the last one, and clocks may run apart by three tenths.
    "lan": LeaseTiming(renew_seconds=0.5, ttl_seconds=3.0, margin_seconds=0.4),
    # For machines in several regions: one renewal a second, a takeover begins 6.8 s after the last
    # one, and clocks may run apart by three tenths.
    "wan": LeaseTiming(renew_seconds=1.0, ttl_seconds=6.0, margin_seconds=0.8),
}
