import pytest

from shared.domain.ids import Instant, NodeId
from shared.events.failover import MasterGranted
from shared.runtime.grant import GrantHolder

ALPHA, BOOT = NodeId("alpha"), "boot"


def grant(
    epoch: int = 1, until: float = 10.0, node: str = "alpha", boot: str = BOOT, **more: bool
) -> MasterGranted:
    facts = {"node": node, "epoch": epoch, "boot_id": boot, "valid_until": until, **more}
    return MasterGranted.model_validate(facts)


def holder(*grants: MasterGranted) -> GrantHolder:
    made = GrantHolder(ALPHA, BOOT)
    for each in grants:
        made.offer(each)
    return made


def test_without_a_grant_nothing_may_be_done() -> None:
    assert holder().valid_epoch(Instant(0.0)) is None
    assert holder().valid_until == 0.0


@pytest.mark.parametrize(("now", "epoch"), [(0.0, 1), (9.99, 1), (10.0, None), (99.0, None)])
def test_a_grant_holds_until_its_instant_however_late_it_came(
    now: float, epoch: int | None
) -> None:
    assert holder(grant()).valid_epoch(Instant(now)) == epoch


@pytest.mark.parametrize("other", [grant(node="bravo"), grant(boot="another kernel")])
def test_a_grant_for_another_master_or_kernel_is_none(other: MasterGranted) -> None:
    made = holder()

    assert not made.offer(other)
    assert made.valid_epoch(Instant(0.0)) is None


def test_a_later_grant_lengthens_and_a_late_older_one_changes_nothing() -> None:
    made = holder(grant(until=10.0), grant(until=20.0))

    assert not made.offer(grant(until=15.0))
    assert made.valid_epoch(Instant(19.0)) == 1
    assert made.valid_until == 20.0


def test_a_new_epoch_replaces_the_old_one_also_when_it_ends_sooner() -> None:
    made = holder(grant(epoch=1, until=20.0), grant(epoch=2, until=12.0))

    assert made.valid_epoch(Instant(11.0)) == 2
    assert made.valid_epoch(Instant(15.0)) is None
    assert not made.offer(grant(epoch=1, until=99.0))


def test_a_pause_ends_the_very_grant_that_it_names_and_that_does_not_come_back() -> None:
    made = holder(grant(until=10.0), grant(until=10.0, paused=True))

    assert made.valid_epoch(Instant(1.0)) is None
    assert made.is_paused(Instant(1.0))
    assert not made.offer(grant(until=10.0))
    assert made.valid_epoch(Instant(1.0)) is None


def test_a_later_grant_ends_the_pause_and_so_does_another_epoch() -> None:
    pause = grant(until=10.0, paused=True)

    assert holder(pause, grant(until=11.0)).valid_epoch(Instant(1.0)) == 1
    assert not holder(pause, grant(epoch=2, until=0.5)).is_paused(Instant(1.0))


def test_a_pause_that_ran_out_keeps_nothing_waiting() -> None:
    assert not holder(grant(until=10.0, paused=True)).is_paused(Instant(10.0))
    assert not holder().is_paused(Instant(0.0))


def test_a_grant_says_whether_its_epoch_began_on_purpose() -> None:
    assert not holder().is_planned
    assert not holder(grant()).is_planned
    assert holder(grant(planned=True)).is_planned
