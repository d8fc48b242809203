"""How long the kernel gets a shared address for, without a kernel."""

from dataclasses import dataclass

import pytest

from services.failover_monitor.redirection.shared_ip import LONGEST_SECONDS, seconds_left
from shared.domain.errors import RedirectionFailed
from shared.domain.ids import Instant


@dataclass
class Lease:
    until: float

    def is_primary(self, now: Instant) -> bool:
        return now < self.until


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(0.1, 1), (1.0, 1), (1.9, 1), (2.1, 2), (2.6, 2), (5.5, 5), (900.0, LONGEST_SECONDS)],
)
def test_the_address_never_outlives_the_lease_by_more_than_the_kernels_second(
    left: float, seconds: int
) -> None:
    assert seconds_left(Lease(100.0 + left), Instant(100.0)) == seconds


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_without_a_lease_there_is_no_address(left: float) -> None:
    with pytest.raises(RedirectionFailed, match="no longer primary"):
        seconds_left(Lease(100.0 + left), Instant(100.0))
