"""The numbers that the monitor and config share."""

from shared.domain.timing import LEASE_TIMINGS
from shared.settings import TimingPreset


def test_every_preset_of_the_settings_has_its_numbers() -> None:
    assert set(LEASE_TIMINGS) == {each.value for each in TimingPreset}


def test_two_probes_fit_into_a_lease_and_a_renewal_is_no_longer_than_the_longest_pause() -> None:
    for timing in LEASE_TIMINGS.values():
        assert 0 < timing.margin_seconds < timing.renew_seconds <= 1.0
        assert 2 * timing.renew_seconds < timing.ttl_seconds
