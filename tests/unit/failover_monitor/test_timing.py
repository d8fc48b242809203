"""Which timings could hold, and that every preset does."""

import pytest

from services.failover_monitor.core.timing import PRESETS, Timing


@pytest.mark.parametrize(
    ("renew", "ttl", "margin", "heartbeat", "sentence"),
    [
        (0.5, 3, 0, 0.5, "a lease needs a margin"),
        (0.5, 3, -0.1, 0.5, "a lease needs a margin"),
        (1.3, 3, 0.4, 0.5, "one renewal may be lost"),
        (0, 3, 0.4, 0.5, "one renewal may be lost"),
        (0.5, 3, 0.4, 3, "who could take over is known in time"),
    ],
)
def test_a_timing_that_could_not_hold_is_refused(
    renew: float, ttl: float, margin: float, heartbeat: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Timing(renew, ttl, margin, heartbeat_seconds=heartbeat, leaders_seconds=1)


@pytest.mark.parametrize("timing", PRESETS.values(), ids=PRESETS)
def test_every_preset_bears_clocks_that_run_apart_by_a_fifth(timing: Timing) -> None:
    assert timing.rate_ratio > 1.2
    assert timing.acting_seconds * timing.rate_ratio == pytest.approx(timing.waiting_seconds)


@pytest.mark.parametrize("timing", PRESETS.values(), ids=PRESETS)
def test_every_preset_lets_a_holder_miss_a_renewal_and_an_observer_a_read(timing: Timing) -> None:
    assert 2 * timing.renew_seconds < timing.acting_seconds
    assert timing.acting_seconds < timing.ttl_seconds < timing.waiting_seconds
    assert timing.read_seconds + timing.renew_seconds < timing.blind_seconds
    assert timing.store_timeout_seconds == 2 * timing.ttl_seconds
