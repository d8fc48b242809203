"""Who may follow whom, as far as releases go."""

import pytest

from services.failover_monitor.core.versions import OtherReleases
from shared.domain.ids import NodeId

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")


@pytest.mark.parametrize(
    ("own", "other"),
    [("1.2.0", "1.9.4"), ("2.0.0", "1.9.0"), ("unknown", "2.0.0")],
)
def test_a_master_follows_one_of_its_own_release_or_an_older_one(own: str, other: str) -> None:
    versions = OtherReleases(own)
    versions.record(ALPHA, other)
    assert versions.obstacles() == ()


@pytest.mark.parametrize("other", ["2.0.0", "10.1"])
def test_a_master_of_an_older_release_takes_no_role_over_and_says_so(other: str) -> None:
    versions = OtherReleases("1.9.0")
    versions.record(ALPHA, other)
    assert versions.obstacles() == (f"it runs version 1.9.0 and alpha runs {other}; upgrade it",)


def test_what_was_reported_last_counts() -> None:
    versions = OtherReleases("1.9.0")
    versions.record(ALPHA, "2.0.0")
    versions.record(BRAVO, "unknown")
    versions.record(ALPHA, "1.9.1")
    assert versions.obstacles() == ()
