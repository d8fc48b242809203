"""The log lost and begun anew: what it goes on from, and what of the rest is kept."""

from typing import Any

import pytest

from shared.domain.errors import LogNotLost, MasterSilent, QuorumThere
from shared.domain.ids import LogGeneration, RequestId
from shared.events.config import GenerationBegun
from shared.events.conflict import ConflictKept
from shared.events.message import Request
from shared.events.replication import FollowerState, LogRebuilt, SyncNow
from tests.simulation.failover.faults import FaultPlan
from tests.simulation.failover.world import NODES
from tests.simulation.site import repairs
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.questions import Answer
from tests.simulation.site.scenario import EVERYBODY, check_healed, settle
from tests.simulation.site.site import Site

ALPHA, BRAVO = NODES
SECOND = LogGeneration(2)
LOST_AFTER = 25.0


def answer_to(site: Site, request: Request[Any]) -> Answer:
    """What an operator's *request* leads to."""
    answers: list[Answer] = []
    repairs.order(site, request, answers.append)
    site.run(site.now + 8)
    (answer,) = answers
    return answer


def changed(site: Site, gateway: Gateway, seconds: float = 5.0) -> RequestId:
    """A change that was acknowledged."""
    asked = gateway.ask(is_put=True)
    site.run(site.now + seconds)
    assert asked in site.ledger.acknowledged
    return asked


def alone_on_alpha(site: Site, gateway: Gateway) -> list[RequestId]:
    """Changes that alpha accepted while bravo was away; then it is away itself."""
    site.crash(BRAVO)
    alone = [changed(site, gateway) for _ in range(5)]
    site.crash(ALPHA)
    return alone


def promoted_alone(site: Site, gateway: Gateway) -> list[RequestId]:
    """Bravo comes back alone and is promoted by force; the changes that alpha alone has."""
    alone = alone_on_alpha(site, gateway)
    repairs.start_alone(site)
    site.start(BRAVO)
    site.run(site.now + 5)
    answer = answer_to(site, repairs.promotion(BRAVO, "it burns"))
    assert isinstance(answer, GenerationBegun)
    assert answer.unreachable == (ALPHA,)
    return alone


def test_a_lost_log_is_rebuilt_with_everything_that_was_acknowledged(
    site: Site, gateway: Gateway
) -> None:
    before = [changed(site, gateway, 0.5) for _ in range(3)]
    repairs.lose_files(site)
    site.run(site.now + LOST_AFTER)
    answer = answer_to(site, repairs.rebuilding(BRAVO))
    assert isinstance(answer, GenerationBegun)
    assert (answer.log_generation, answer.unreachable) == (SECOND, ())
    check_healed(site, gateway)
    assert {site.position_of(node).log_generation for node in EVERYBODY} == {SECOND}
    assert set(before) <= set(site.ledger.written)
    site.ledger.check_kept()


def test_the_master_whose_database_is_longer_begins_the_generation(
    site: Site, gateway: Gateway
) -> None:
    site.crash_services(BRAVO)
    changed(site, gateway)
    repairs.lose_files(site)
    site.start_services(BRAVO)
    site.run(site.now + LOST_AFTER)
    answer = answer_to(site, repairs.rebuilding(BRAVO))
    assert isinstance(answer, GenerationBegun)
    assert answer.node == ALPHA
    check_healed(site, gateway)


def test_a_log_that_is_whole_or_was_rebuilt_is_not_rebuilt(site: Site, gateway: Gateway) -> None:
    assert isinstance(answer_to(site, repairs.rebuilding(ALPHA)), LogNotLost)
    repairs.lose_files(site)
    assert isinstance(answer_to(site, repairs.rebuilding(ALPHA)), LogNotLost)
    site.run(site.now + LOST_AFTER)
    answers: list[Answer] = []
    for node in NODES:
        repairs.order(site, repairs.rebuilding(node), answers.append)
    site.run(site.now + 1)
    begun = [each for each in answers if isinstance(each, GenerationBegun)]
    assert len(begun) == 1
    assert site.servers.later(LogGeneration(0)) == (SECOND,)
    settle(site)
    check_healed(site, gateway)


def test_a_master_that_does_not_answer_is_not_gone_on_without(site: Site, gateway: Gateway) -> None:
    alone_on_alpha(site, gateway)
    repairs.lose_files(site)
    site.start(BRAVO)
    site.run(site.now + LOST_AFTER)
    assert isinstance(answer_to(site, repairs.rebuilding(BRAVO)), MasterSilent)
    assert site.servers.streams == {}


def test_what_a_master_had_alone_is_kept_when_the_log_began_without_it(
    site: Site, gateway: Gateway
) -> None:
    alone = promoted_alone(site, gateway)
    site.run(site.now + 5)
    changed(site, gateway)
    assert set(site.ledger.left_behind) == set(alone)

    site.start(ALPHA)
    site.run(site.now + 5)
    assert site.services[ALPHA].follows.following.state is FollowerState.DIVERGED
    assert site.databases[ALPHA].conflicts == {}
    settle(site)
    check_healed(site, gateway)
    (kept,) = site.databases[ALPHA].conflicts.values()
    assert {LogRebuilt, ConflictKept} <= {type(each) for each in site.facts}
    assert {each.hash for each in site.ledger.left_behind.values()} <= {
        each.hash for each in kept.entries
    }
    site.ledger.check_kept()


def test_a_server_alone_that_has_the_log_needs_no_second_promotion(
    site: Site, gateway: Gateway
) -> None:
    promoted_alone(site, gateway)
    site.crash(BRAVO)
    site.start(BRAVO)
    site.run(site.now + 1)
    assert isinstance(answer_to(site, repairs.promotion(BRAVO, "it burns")), QuorumThere)


def test_a_copy_that_throws_away_what_it_had_alone_is_noticed(site: Site, gateway: Gateway) -> None:
    promoted_alone(site, gateway)
    site.start(ALPHA)
    site.services[ALPHA].follows.following.conflicts = None
    site.run(site.now + 5)
    with pytest.raises(AssertionError, match="nobody kept it"):
        answer_to(site, SyncNow(node=ALPHA, resync=True))


def test_a_generation_that_leaves_behind_what_an_asked_master_had_is_noticed(
    site: Site, gateway: Gateway
) -> None:
    promoted_alone(site, gateway)
    (rebuilt,) = (each for each in site.facts if isinstance(each, LogRebuilt))
    with pytest.raises(AssertionError, match="who were asked"):
        site.ledger.rebuilt(rebuilt.model_copy(update={"unreachable": ()}))


def test_a_master_that_slept_through_the_loss_renews_no_other_masters_lease(
    site: Site, gateway: Gateway
) -> None:
    changed(site, gateway)
    held = site.bucket.key.revision
    site.freeze(ALPHA, 90)
    repairs.lose_files(site)
    site.run(site.now + LOST_AFTER)
    answer = answer_to(site, repairs.rebuilding(BRAVO, is_forced=True))
    assert isinstance(answer, GenerationBegun)
    site.run(site.now + 5)
    assert site.primaries() == [BRAVO]
    assert site.bucket.key.revision > held, "a revision that alpha knows may come again"
    site.run(site.now + 60)
    assert site.primaries() == [BRAVO]
    check_healed(site, gateway)


def test_an_order_that_nobody_hears_is_not_answered(site: Site) -> None:
    site.fault_plan = FaultPlan(lost=1.0)
    answers: list[Answer] = []
    repairs.order(site, repairs.rebuilding(ALPHA), answers.append)
    site.run(site.now + 5)
    assert answers == []


def test_what_was_prepared_for_one_generation_lands_in_no_other(
    site: Site, gateway: Gateway
) -> None:
    old = site.servers.messages[-1]
    repairs.lose_files(site)
    site.run(site.now + LOST_AFTER)
    answer_to(site, repairs.rebuilding(ALPHA))
    end = len(site.servers.messages)
    first = LogGeneration(1)
    assert isinstance(site.servers.append(first, old, end, "an old message"), Exception)
    assert len(site.servers.messages) == end
    check_healed(site, gateway)
