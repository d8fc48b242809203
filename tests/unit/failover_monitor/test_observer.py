"""The observer's side: how long silence must last, and what bars a master from the lease."""

import pytest

from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.observer import Observer
from services.failover_monitor.core.record import KeyState, LeaseRecord
from services.failover_monitor.core.timing import NEVER, PRESETS
from shared.domain.ids import Epoch, Instant, NodeId

TIMING = PRESETS["local"]
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
WAIT = 1.65
EMPTY = KeyState(None, 1)


def named(revision: int = 5, ttl: float = 1.5, holder: NodeId = ALPHA) -> KeyState:
    return KeyState(LeaseRecord(Epoch(3), holder, "a1", 1, ttl, 0.15), revision)


def slim(margin: float) -> LeaseRecord:
    """A record of a master that leaves less room for clocks than this one does."""
    return LeaseRecord(Epoch(3), ALPHA, "a1", 1, 1.79, margin)


def watch(observer: Observer, what: KeyState, begin: float, end: float) -> None:
    """Read *what* every 0.1 s from *begin* to *end*."""
    for tenth in range(round(begin * 10), round(end * 10) + 1):
        observer.record_key(what, Instant(tenth / 10))


def test_the_lease_is_due_ttl_and_margin_after_the_last_change_was_seen() -> None:
    observer = Observer(BRAVO, TIMING)
    watch(observer, named(), 10, 11.6)
    assert not observer.is_due(Instant(10 + WAIT - 0.01))
    assert observer.is_due(Instant(10 + WAIT))


def test_every_change_begins_the_wait_anew() -> None:
    observer = Observer(BRAVO, TIMING)
    watch(observer, named(5), 10, 11.5)
    watch(observer, named(6), 11.6, 13.2)
    assert not observer.is_due(Instant(13.2))
    assert observer.due_at == pytest.approx(11.6 + WAIT)


def test_blind_time_is_not_silence() -> None:
    observer = Observer(BRAVO, TIMING)
    watch(observer, named(), 10, 11)
    watch(observer, named(), 11.6, 13.2)
    assert observer.due_at == pytest.approx(11.6 + WAIT)


def test_a_blind_observer_is_never_due() -> None:
    observer = Observer(BRAVO, TIMING)
    assert observer.is_blind(Instant(10))
    watch(observer, named(), 10, 11.6)
    assert not observer.is_blind(Instant(11.6 + 0.5))
    assert observer.is_blind(Instant(11.6 + 0.51))
    assert not observer.is_due(Instant(20))


def test_nothing_is_due_before_the_first_read() -> None:
    assert Observer(BRAVO, TIMING).due_at == NEVER
    assert not Observer(BRAVO, TIMING).is_due(Instant(100))


def test_a_holder_with_a_longer_lease_is_waited_for_as_long_as_it_says() -> None:
    observer = Observer(BRAVO, TIMING)
    watch(observer, named(ttl=6.0), 10, 10)
    assert observer.due_at == pytest.approx(10 + 6.15)


def test_a_holder_with_a_shorter_lease_is_waited_for_as_long_as_we_think() -> None:
    observer = Observer(BRAVO, TIMING)
    watch(observer, named(ttl=0.5), 10, 10)
    assert observer.due_at == pytest.approx(10 + WAIT)


def test_a_key_that_never_named_anybody_is_left_to_the_first_master_for_a_while() -> None:
    first, second = Observer(ALPHA, TIMING), Observer(BRAVO, TIMING, head_start_seconds=1.5)
    for observer in (first, second):
        observer.record_key(EMPTY, Instant(10))
    assert first.due_at == pytest.approx(10 + WAIT)
    assert second.due_at == pytest.approx(10 + WAIT + 1.5)


def test_the_head_start_is_over_with_the_first_record() -> None:
    observer = Observer(BRAVO, TIMING, head_start_seconds=1.5)
    observer.record_key(named(), Instant(10))
    assert observer.due_at == pytest.approx(10 + WAIT)


def test_a_look_counts_from_a_margin_before_the_lease_is_due() -> None:
    observer = Observer(BRAVO, TIMING)
    assert observer.check_from == NEVER
    observer.record_key(named(), Instant(10))
    assert observer.check_from == pytest.approx(10 + WAIT - 0.15)


@pytest.mark.parametrize("record", [named(ttl=6.0), KeyState(slim(margin=0.01), 5)])
def test_a_look_counts_only_from_when_the_holder_has_stopped(record: KeyState) -> None:
    observer = Observer(BRAVO, TIMING)
    observer.record_key(record, Instant(10))
    assert record.record is not None
    assert observer.check_from >= 10 + record.record.ttl - record.record.margin


CHECKS = HealthReport(failed_checks=("broken",), vetoes=("not wanted",))


@pytest.mark.parametrize(
    ("found", "obstacles"),
    [
        (named(), ("broken", "not wanted")),
        (named(holder=BRAVO), ("broken",)),
        (EMPTY, ("broken",)),
    ],
)
def test_what_the_operator_forbids_bars_only_from_replacing_another_master(
    found: KeyState, obstacles: tuple[str, ...]
) -> None:
    observer = Observer(BRAVO, TIMING)
    observer.record_key(found, Instant(10))
    assert observer.obstacles(CHECKS) == obstacles


def test_the_observer_describes_what_it_watches() -> None:
    observer = Observer(BRAVO, TIMING)
    assert observer.describe() == "never read"
    observer.record_key(named(), Instant(10))
    assert observer.describe() == "alpha's of epoch 3 at revision 5, unchanged since 10.000"
    observer.record_key(KeyState(None, 6), Instant(11))
    assert observer.describe() == "alpha's of epoch 3 at revision 6, unchanged since 11.000"
    never = Observer(BRAVO, TIMING)
    never.record_key(EMPTY, Instant(12))
    assert never.describe() == "nobody's at revision 1, unchanged since 12.000"


COPY = KeyState(LeaseRecord(Epoch(2), BRAVO, "b1", 9, 0.5, 0.1), 6)
OF_ITS_PAST = KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 1, 1.5, 0.15), 6)


@pytest.mark.parametrize("junk", [KeyState(None, 6), COPY, OF_ITS_PAST])
def test_junk_may_hide_a_renewal_and_so_begins_the_wait_anew(junk: KeyState) -> None:
    observer = Observer(BRAVO, TIMING, head_start_seconds=1.5)
    now_known = KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 2, 6.0, 0.15), 5)
    observer.record_key(now_known, Instant(10))
    observer.record_key(junk, Instant(10.2))
    assert observer.due_at == pytest.approx(10.2 + 6.15), "as long as who is known says"


@pytest.mark.parametrize("junk", [KeyState(None, 6), COPY, OF_ITS_PAST])
def test_junk_says_nothing_of_whom_the_key_named_but_is_what_a_take_replaces(
    junk: KeyState,
) -> None:
    observer = Observer(BRAVO, TIMING)
    last = LeaseRecord(Epoch(3), ALPHA, "a1", 2, 1.5, 0.15)
    observer.record_key(KeyState(last, 5), Instant(10))
    observer.record_key(junk, Instant(10.2))
    assert observer.key == KeyState(last, 6)
    assert observer.obstacles(CHECKS) == ("broken", "not wanted")


@pytest.mark.parametrize("seconds", [0.25, 1.6])
def test_while_somebody_keeps_writing_junk_nothing_is_due_and_then_after_one_wait(
    seconds: float,
) -> None:
    observer, now, watched = Observer(BRAVO, TIMING), 10.0, 10.0
    observer.record_key(named(5), Instant(now))
    for revision in range(6, 40):
        now += seconds
        watched = now - seconds
        while watched < now:
            assert not observer.is_due(Instant(watched))
            watched += 0.05
            observer.record_key(KeyState(None, revision), Instant(min(watched, now)))
    first = observer.due_at - WAIT
    assert now - seconds < first <= now, "one wait after the last junk was seen first"
    while watched < observer.due_at:
        watched = min(watched + 0.05, observer.due_at)
        observer.record_key(KeyState(None, 39), Instant(watched))
    assert observer.is_due(observer.due_at)


def test_a_bucket_that_was_made_anew_names_nobody() -> None:
    observer = Observer(BRAVO, TIMING, head_start_seconds=1.5)
    observer.record_key(named(5), Instant(10))
    observer.record_key(KeyState(None, 1 + 2**40), Instant(10.2))
    assert observer.key == KeyState(None, 1 + 2**40)
    assert observer.due_at == pytest.approx(10.2 + WAIT + 1.5)
    assert observer.obstacles(CHECKS) == ("broken",)


def test_a_new_process_of_the_holder_is_news_whatever_its_number() -> None:
    observer = Observer(BRAVO, TIMING)
    observer.record_key(KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 9, 1.5, 0.15), 5), Instant(10))
    again = KeyState(LeaseRecord(Epoch(4), ALPHA, "a2", 1, 1.5, 0.15), 6)
    observer.record_key(again, Instant(10.2))
    assert observer.key == again
