"""A whole site in a bad world: one primary, one history, and nothing acknowledged is lost."""

import pytest

from services.failover_monitor.core.effects import Grant
from shared.domain.errors import LogUnavailable
from shared.domain.ids import Epoch, RequestId
from shared.domain.log import LogEntry, Op, StoredEntry
from shared.events.replication import FollowerState
from tests.simulation.failover.faults import NO_FAULTS, FaultPlan
from tests.simulation.failover.scenario import flood, hide, purge, put_copy, put_junk
from tests.simulation.failover.world import NODES
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.scenario import EVERYBODY, check_healed, play
from tests.simulation.site.site import TRAFFIC, Site
from tests.simulation.site.switch import switch_over

ALPHA, BRAVO = NODES
SEEDS, AT_A_TIME = 12, 3


@pytest.mark.parametrize("first", range(0, SEEDS, AT_A_TIME))
def test_there_is_one_history_and_nothing_acknowledged_is_lost(first: int) -> None:
    for seed in range(first, first + AT_A_TIME):
        play(seed)


def accepted(site: Site, asked: RequestId, seconds: float = 10.0) -> bool:
    site.run(site.now + seconds)
    return asked in site.ledger.acknowledged


def ops(site: Site) -> list[Op]:
    entries = (LogEntry.decode(StoredEntry.decode(each).body) for each in site.servers.messages)
    return [change.op for entry in entries for change in entry.changes]


def test_changes_are_accepted_while_somebody_spoils_the_lease(site: Site, gateway: Gateway) -> None:
    first = gateway.ask(is_put=True)
    assert accepted(site, first)
    for action in (put_junk, put_copy, purge, flood, hide):
        action(site)
        assert accepted(site, gateway.ask(is_put=True), seconds=2.0)
        site.run(site.now + 10)
    assert [role.epoch for role in site.acquired] == [1]
    check_healed(site, gateway)


def test_a_change_outlives_the_primary_and_the_next_one_is_accepted(
    site: Site, gateway: Gateway
) -> None:
    first = gateway.ask(is_put=True)
    site.run(site.now + 0.5)
    assert first in site.ledger.acknowledged
    site.crash(ALPHA)
    assert accepted(site, gateway.ask(is_put=True))
    assert site.primaries() == [BRAVO]
    assert site.ledger.position.epoch == 2
    site.start(ALPHA)
    site.run(site.now + 10)
    check_healed(site, gateway)
    site.ledger.check_kept()


def test_a_switchover_under_load_refuses_nothing_and_stays_synchronous(
    site: Site, gateway: Gateway
) -> None:
    asked = list[RequestId]()
    for tenth in range(40):
        site.event_queue.at(site.now + tenth / 10, lambda: asked.append(gateway.ask(is_put=True)))
    site.run(site.now + 1)
    switch_over(site)
    site.run(site.now + 12)
    assert site.primaries() == [BRAVO]
    assert [each for each in asked if each not in site.ledger.acknowledged] == []
    assert ops(site).count(Op.MODE_CHANGED) == 1


def test_a_database_that_refuses_the_commit_after_the_append_takes_it_from_the_log(
    site: Site, gateway: Gateway
) -> None:
    site.databases[ALPHA].refusals = 1
    asked = gateway.ask(is_put=True)
    site.run(site.now + 0.2)
    assert asked in site.ledger.written
    assert accepted(site, asked)
    assert site.primaries() == [ALPHA]


def test_an_answer_marked_duplicate_commits_nothing_that_is_not_in_the_log(
    site: Site, gateway: Gateway
) -> None:
    site.servers.loses = 1
    before, asked = site.ledger.position, gateway.ask(is_put=True)
    site.run(site.now + 0.05)
    assert site.servers.loses == 0
    assert site.position_of(ALPHA) == site.ledger.position == before
    assert accepted(site, asked)


def test_an_emptied_log_is_extended_by_nobody_and_nobody_takes_over(
    site: Site, gateway: Gateway
) -> None:
    stream = site.servers.newest
    assert stream is not None
    stream.wipe()
    asked = gateway.ask(is_put=True)
    site.run(site.now + 25)
    assert site.servers.messages == []
    assert asked not in site.ledger.acknowledged
    assert site.follows is not None
    assert site.follows.following.state is FollowerState.LOG_LOST
    site.crash(ALPHA)
    site.run(site.now + 20)
    assert site.primaries() == []


def test_a_leader_that_answers_from_the_past_makes_nobody_believe_the_log_lost(
    site: Site, gateway: Gateway
) -> None:
    stream = site.servers.newest
    assert stream is not None
    stream.stale_end = 2
    site.fault_plan = FaultPlan(delay=0.0, stale=0.5)
    site.run(site.now + 10)
    stream.stale_end, site.fault_plan = None, NO_FAULTS
    states = {services.follows.following.state for services in site.services.values()}
    assert FollowerState.LOG_LOST not in states
    site.run(site.now + 5)
    check_healed(site, gateway)


def test_a_message_that_the_subscription_lost_is_fetched(site: Site, gateway: Gateway) -> None:
    site.traffic_node.deaf = True
    gateway.ask(is_put=True)
    site.run(site.now + 0.2)
    site.traffic_node.deaf = False
    gateway.ask(is_put=True)
    site.run(site.now + 0.2)
    assert site.position_of(TRAFFIC) == site.ledger.position


def test_a_copy_far_behind_begins_with_a_snapshot(site: Site, gateway: Gateway) -> None:
    site.crash_services(TRAFFIC)
    for _ in range(20):
        gateway.ask(is_put=True)
        site.run(site.now + 0.3)
    site.start_services(TRAFFIC)
    site.run(site.now + 3)
    assert {site.position_of(node) for node in EVERYBODY} == {site.ledger.position}


def test_without_a_grant_config_neither_writes_nor_answers(site: Site, gateway: Gateway) -> None:
    site.perform(site.masters[ALPHA], (Grant(Epoch(9), site.masters[ALPHA].clock(site.now)),))
    asked = gateway.ask(is_put=True)
    site.run(site.now + 1)
    assert asked not in site.ledger.written


def test_what_breaks_in_a_service_breaks_the_scenario(site: Site) -> None:

    async def break_down() -> None:
        raise RuntimeError("the pen broke")

    site.processes[ALPHA].begin(break_down())
    with pytest.raises(RuntimeError, match="the pen broke"):
        site.run(site.now + 1)


def test_an_unavailable_log_is_an_answer_and_breaks_nothing(site: Site) -> None:

    async def refuse() -> None:
        raise LogUnavailable("no leader")

    site.ask_config(ALPHA, refuse)
    site.run(site.now + 1)
    assert site.primaries() == [ALPHA]
