"""What is seen of a history: who took over when, the longest pause, and what was lost."""

import pytest

from bench.failover.stamps import History, Stamp

OLD, NEW = "alpha", "bravo"


def history(*moments: tuple[float, str]) -> History:
    """Stamps 1, 2, 3... acknowledged at those moments by those servers."""
    found = History()
    for number, (moment, servers) in enumerate(moments, start=1):
        found.add(Stamp(number, moment - 0.01, moment, frozenset(servers.split())))
    return found


def test_the_first_stamp_without_the_old_primary_ends_a_failover() -> None:
    seen = history((1.0, "alpha bravo"), (2.1, "alpha"), (4.0, "bravo"), (4.1, "bravo"))
    assert seen.first_without(OLD, since=2.0) == 4.0


def test_what_was_acknowledged_before_the_blow_ends_none() -> None:
    assert history((1.0, NEW), (1.9, NEW)).first_without(OLD, since=1.9) is None


def test_what_the_old_primary_still_had_a_part_in_ends_none() -> None:
    assert history((2.1, "alpha bravo"), (2.2, "alpha")).first_without(OLD, since=2.0) is None


def test_the_longest_pause_counts_from_the_edges_too() -> None:
    seen = history((1.0, OLD), (1.1, OLD), (1.6, NEW), (1.7, NEW))
    assert seen.longest_pause(0.9, 1.8) == pytest.approx(0.5)
    assert seen.longest_pause(0.9, 3.0) == pytest.approx(1.3)
    assert seen.longest_pause(5.0, 6.0) == pytest.approx(1.0)


def test_a_subject_that_goes_on_writing_has_no_longer_pause_than_its_longest() -> None:
    seen = history(*((1.0 + second / 2, OLD) for second in range(8)))
    assert seen.time_until_accepted(since=1.2) == pytest.approx(0.5)
    assert not seen.is_pausing(5.0)


def test_an_outage_lasts_from_the_last_stamp_to_the_first_that_is_followed_by_others() -> None:
    seen = history((1.0, OLD), (1.6, OLD), (4.0, OLD), (7.5, NEW))
    for second in (8.0, 9.0, 10.0):
        seen.add(Stamp(9, second - 0.1, second, frozenset([OLD])))
    assert seen.time_until_accepted(since=1.2) is None, "only 2.5 s without a pause are no proof"
    seen.add(Stamp(99, 10.5, 10.6, frozenset([NEW])))
    assert seen.time_until_accepted(since=1.2) == pytest.approx(7.5 - 1.6)
    assert seen.time_until_accepted(since=8.1) is None
    assert seen.is_pausing(11.7)


def test_nothing_is_accepted_again_while_nobody_answers() -> None:
    assert history((1.0, OLD)).time_until_accepted(since=1.2) is None
    assert History().is_pausing(0.0)


def test_only_acknowledged_stamps_can_be_lost() -> None:
    seen = history((1.0, OLD), (2.0, OLD), (3.0, NEW))
    assert seen.lost([1, 2, 3, 4, 5]) == frozenset()
    assert seen.lost([1, 3, 9]) == {2}


def test_what_is_acknowledged_while_somebody_looks_is_not_lost() -> None:
    growing = history((1.0, OLD))
    seen = growing.so_far()
    growing.add(Stamp(2, 1.9, 2.0, frozenset([OLD])))
    assert seen.lost([1]) == frozenset()
    assert growing.lost([1]) == {2}


def test_the_rate_is_that_of_the_whole_time_and_none_of_a_single_stamp() -> None:
    assert history((1.0, OLD), (1.5, OLD), (3.0, NEW)).per_second() == 1.0
    assert history((1.0, OLD)).per_second() == 0.0
