"""When config has committed nothing for too long, and who could do better."""

from services.failover_monitor.core.config_watch import ConfigWatch
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Instant, NodeId

TIMING = PRESETS["local"]
BRAVO = NodeId("bravo")


def watch(begun: float = 10.0) -> ConfigWatch:
    watch = ConfigWatch(TIMING)
    watch.restart(Instant(begun))
    return watch


def test_config_has_the_store_timeout_from_the_begin_of_the_term() -> None:
    assert watch().is_committing(Instant(14.49))
    assert not watch().is_committing(Instant(14.5))


def test_a_pulse_gives_config_that_time_again() -> None:
    config = watch()
    config.record_commit(Instant(12))
    config.record_commit(None)
    config.record_commit(Instant(11))
    assert config.is_committing(Instant(16.4))
    assert not config.is_committing(Instant(16.5))


def test_nobody_could_before_a_heartbeat_claimed_it() -> None:
    assert not watch().has_ready_peer(Instant(10))


def test_a_peer_could_until_it_says_otherwise_or_nothing() -> None:
    config = watch()
    config.record_peer(BRAVO, Instant(10), could_take_over=True)
    assert config.has_ready_peer(Instant(12.9))
    assert not config.has_ready_peer(Instant(13))
    config.record_peer(BRAVO, Instant(11), could_take_over=False)
    assert not config.has_ready_peer(Instant(11))


def test_the_watch_describes_itself() -> None:
    config = watch(begun=10)
    assert config.describe() == "config committed at 10.000, nobody could take over"
    config.record_peer(BRAVO, Instant(11), could_take_over=True)
    assert config.describe().endswith("bravo could take over")
