"""When config has been silent for too long, and who could do better."""

import pytest

from services.failover_monitor.core.health import ConfigWatch
from services.failover_monitor.core.leaders import Group, Move, moves
from services.failover_monitor.core.timing import PRESETS, Timing
from shared.domain.ids import Instant, NodeId

TIMING = PRESETS["local"]
BRAVO = NodeId("bravo")


def watch(begun: float = 10.0) -> ConfigWatch:
    watch = ConfigWatch(TIMING)
    watch.begun(Instant(begun))
    return watch


def test_config_has_the_store_timeout_from_the_begin_of_the_term() -> None:
    assert watch().is_well(Instant(14.49))
    assert not watch().is_well(Instant(14.5))


def test_a_pulse_gives_config_that_time_again() -> None:
    config = watch()
    config.committed(Instant(12))
    config.committed(None)
    config.committed(Instant(11))
    assert config.is_well(Instant(16.4))
    assert not config.is_well(Instant(16.5))


def test_nobody_could_before_anybody_said_so() -> None:
    assert not watch().somebody_could(Instant(10))


def test_a_peer_could_until_it_says_otherwise_or_nothing() -> None:
    config = watch()
    config.peer_heard(BRAVO, Instant(10), could_take_over=True)
    assert config.somebody_could(Instant(12.9))
    assert not config.somebody_could(Instant(13))
    config.peer_heard(BRAVO, Instant(11), could_take_over=False)
    assert not config.somebody_could(Instant(11))


def test_the_watch_describes_itself() -> None:
    config = watch(begun=10)
    assert config.describe() == "config committed at 10.000, nobody said it could take over"
    config.peer_heard(BRAVO, Instant(11), could_take_over=True)
    assert config.describe().endswith("bravo said it could take over")


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
    assert timing.store_timeout_seconds == 3 * timing.ttl_seconds


BOTH = frozenset({"bravo", "witness"})
OTHERS = frozenset({"alpha", "witness"})


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group("LOG-1", "alpha", BOTH), (Move("LOG-1", "witness"),)),
        (Group("LOG-1", "alpha", frozenset({"bravo"})), (Move("LOG-1", "bravo"),)),
        (Group("LOG-1", "alpha", frozenset()), ()),
        (Group("LOG-1", "alpha", frozenset({"alpha"})), ()),
        (Group("LOG-1", "bravo", OTHERS), (Move("LOG-1", "witness"),)),
        (Group("LOG-1", "bravo", frozenset({"alpha"})), ()),
        (Group("LOG-1", "witness", frozenset({"alpha", "bravo"})), ()),
        (Group("LOG-1", None, BOTH), ()),
    ],
)
def test_a_leader_is_on_the_witness_and_beside_the_backup_only_while_it_is_away(
    group: Group, expected: tuple[Move, ...]
) -> None:
    assert moves([group], own="alpha", witness="witness") == expected


def test_without_a_witness_a_leader_only_leaves_the_primary() -> None:
    groups = [Group("LOG-1", "alpha", BOTH), Group("EVENTS", "bravo", OTHERS)]
    assert moves(groups, own="alpha", witness="") == (Move("LOG-1", "bravo"),)
