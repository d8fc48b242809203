"""The holder's side: until when it may act, and what a record in the key proves."""

import pytest

from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.record import Holder, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant, NodeId

TIMING = PRESETS["local"]
ACTING = 1.35
ALPHA = Holder(NodeId("alpha"), "a1")


def at(seconds: float) -> Instant:
    return Instant(seconds)


def held(sent_at: float = 10.0) -> Lease:
    lease = Lease(ALPHA, TIMING)
    call = lease.write(Epoch(4), 7, at(sent_at))
    lease.confirm(call.record, 8)
    return lease


def test_a_take_names_the_process_its_number_and_the_revision_that_it_replaces() -> None:
    call = Lease(ALPHA, TIMING).write(Epoch(4), 7, at(10))
    assert call.record == LeaseRecord(Epoch(4), ALPHA.node, "a1", 1, 1.5, 0.15, replaces=7)
    assert call.expected == 7


def test_the_holder_acts_until_ttl_less_margin_after_it_sent() -> None:
    lease = held(sent_at=10)
    assert lease.is_valid(at(10 + ACTING - 0.001))
    assert not lease.is_valid(at(10 + ACTING))


def test_a_renewal_goes_on_the_own_last_revision_with_the_next_number() -> None:
    call = held().renewal(at(11))
    assert (call.record.n, call.record.epoch, call.expected) == (2, 4, 8)


def test_a_record_found_later_counts_from_when_that_very_one_was_sent() -> None:
    lease = held(sent_at=10)
    first = lease.renewal(at(10.5))
    lease.renewal(at(11.0))
    lease.confirm(first.record, 9)
    assert lease.valid_until == pytest.approx(10.5 + ACTING)
    assert lease.base.revision == 9


def test_a_record_is_awaited_until_it_or_a_later_one_is_known_to_have_landed() -> None:
    lease = held(sent_at=10)
    first, second = lease.renewal(at(10.5)).record, lease.renewal(at(11)).record
    assert lease.awaits(first)
    lease.confirm(second, 9)
    assert not lease.awaits(first)
    assert not lease.awaits(second)
    with pytest.raises(AssertionError):
        lease.confirm(first, 10)


def test_a_record_at_a_revision_that_is_known_proves_nothing() -> None:
    lease = held(sent_at=10)
    renewal = lease.renewal(at(10.5)).record
    with pytest.raises(AssertionError):
        lease.confirm(renewal, 8)


def test_an_ended_role_awaits_nothing_and_a_new_one_its_own_records() -> None:
    lease = held(sent_at=10)
    pending = lease.renewal(at(10.5)).record
    lease.end(at(10.6))
    assert not lease.awaits(pending)
    record = lease.write(Epoch(6), 0, at(14)).record
    assert lease.awaits(record)
    lease.confirm(record, 1)
    assert (lease.is_held, lease.epoch, lease.base.revision) == (True, 6, 1)


def test_an_ended_role_is_over_whatever_the_lease_says() -> None:
    lease = held(sent_at=10)
    lease.end(at(10.2))
    assert not lease.is_valid(at(10.1))
    assert lease.valid_until == 10.2


def test_the_end_never_makes_a_lease_longer() -> None:
    lease = held(sent_at=10)
    lease.end(at(99))
    assert lease.valid_until == pytest.approx(10 + ACTING)


def test_another_process_of_the_same_master_is_another_holder() -> None:
    lease = held()
    theirs = Lease(Holder(ALPHA.node, "a2"), TIMING).write(Epoch(5), 8, at(10)).record
    namesake = Lease(Holder(NodeId("bravo"), "a1"), TIMING).write(Epoch(5), 8, at(10)).record
    assert not lease.is_mine(theirs)
    assert not lease.is_mine(namesake)
    assert not lease.is_mine(None)
    assert not lease.awaits(theirs)
    with pytest.raises(AssertionError):
        lease.confirm(theirs, 9)


def test_only_a_holder_renews() -> None:
    with pytest.raises(AssertionError):
        Lease(ALPHA, TIMING).renewal(at(10))


def test_the_lease_describes_itself() -> None:
    lease = held(sent_at=10)
    assert lease.describe() == "held until 11.350, epoch 4, revision 8, 0 awaited"
    lease.renewal(at(11))
    assert lease.describe().endswith("1 awaited")
    lease.end(at(11))
    assert lease.describe().startswith("not held")
