"""What the site survives next, by a table and by an independent simulation of who is left."""

from collections.abc import Iterator
from itertools import combinations, product

import pytest

from services.gateway.cluster.core.survival import (
    MasterFacts,
    SiteFacts,
    describe_survival,
    survives_next,
)
from shared.domain.ids import NodeId
from shared.domain.log_server import LogQuorum, LogServerState
from shared.domain.next_failure import FailingPart, NextFailure

ALPHA, BRAVO, WITNESS = NodeId("alpha"), NodeId("bravo"), NodeId("witness")
SERVERS = (ALPHA, BRAVO, WITNESS)
PRIMARY = MasterFacts(ALPHA, is_primary=True)
SICK = MasterFacts(ALPHA, is_primary=True, reasons=("its database refuses to commit: disk full",))
READY = MasterFacts(BRAVO, is_primary=False, could_take_over=True)
LAGGING = MasterFacts(BRAVO, is_primary=False, reasons=("it lags 7 entries behind",))


def log(out: tuple[NodeId, ...] = (), servers: tuple[NodeId, ...] = SERVERS) -> LogQuorum:
    states = dict.fromkeys(servers, LogServerState.WORKING)
    return LogQuorum({**states, **dict.fromkeys(out, LogServerState.JETSTREAM_OFF)})


@pytest.mark.parametrize(
    ("masters", "servers", "survives", "sentence"),
    [
        (
            (PRIMARY, READY),
            log(),
            True,
            (
                "the site goes on and loses nothing if alpha or bravo, or the log server of alpha, "
                "bravo or witness fails"
            ),
        ),
        (
            (PRIMARY, LAGGING),
            log(),
            False,
            (
                "the site goes on and loses nothing if bravo, or the log server of alpha, bravo or "
                "witness fails; it accepts no change without alpha"
            ),
        ),
        (
            (SICK, READY),
            log(),
            False,
            (
                "the site goes on and loses nothing if alpha, or the log server of alpha, bravo or "
                "witness fails; it accepts no change without bravo"
            ),
        ),
        (
            (PRIMARY,),
            log((BRAVO,)),
            False,
            (
                "the site survives no further loss; it accepts no change without alpha, or the log "
                "server of alpha or witness; bring the log server of bravo back"
            ),
        ),
        (
            (PRIMARY, READY),
            log((ALPHA,)),
            False,
            (
                "the site goes on and loses nothing if alpha fails; it accepts no change without "
                "bravo, or the log server of bravo or witness; bring the log server of alpha back"
            ),
        ),
        (
            (PRIMARY, LAGGING),
            log((ALPHA, WITNESS)),
            False,
            (
                "the site accepts no change now; acknowledged changes may be lost with alpha; "
                "bring the log servers of alpha and witness back"
            ),
        ),
        ((SICK, LAGGING), log(), False, "the site accepts no change now"),
        (
            (PRIMARY, READY),
            LogQuorum({}),
            True,
            "the site goes on and loses nothing if alpha or bravo fails",
        ),
        ((), LogQuorum({}), False, "the site accepts no change now"),
    ],
)
def test_what_the_site_survives_next_is_described_in_one_line(
    masters: tuple[MasterFacts, ...], servers: LogQuorum, survives: bool, sentence: str
) -> None:
    facts = SiteFacts(masters, servers)
    assert describe_survival(facts) == sentence
    assert survives_next(facts.forecast()) is survives


@pytest.mark.parametrize(
    ("masters", "servers", "well"),
    [
        ((PRIMARY, READY), log(), True),
        ((PRIMARY, LAGGING), log(), True),
        ((SICK, READY), log(), False),
        ((PRIMARY, READY), log((WITNESS,)), False),
        ((READY,), log(), False),
    ],
)
def test_a_site_is_not_well_while_its_primary_has_reasons_or_a_log_server_is_out(
    masters: tuple[MasterFacts, ...], servers: LogQuorum, well: bool
) -> None:
    assert SiteFacts(masters, servers).is_well is well


def every_site() -> Iterator[SiteFacts]:
    """Every combination of what masters say with what is known of the servers."""
    kinds: dict[NodeId, list[MasterFacts | None]] = {
        node: [
            None,
            MasterFacts(node, is_primary=True),
            MasterFacts(node, is_primary=True, reasons=("it is sick",)),
            MasterFacts(node, is_primary=False, could_take_over=True),
            MasterFacts(node, is_primary=False, reasons=("it lags",)),
        ]
        for node in (ALPHA, BRAVO)
    }
    for pair in product(*kinds.values()):
        masters = [each for each in pair if each is not None]
        yield SiteFacts(masters, LogQuorum({}))
        yield SiteFacts(masters, log(servers=(ALPHA,)))
        for states in product(LogServerState, repeat=len(SERVERS)):
            yield SiteFacts(masters, LogQuorum(dict(zip(SERVERS, states, strict=True))))


def simulate(facts: SiteFacts, part: FailingPart, node: NodeId) -> tuple[bool, bool]:
    """Place an acknowledged change wherever it may be, remove the part, and look at who is left."""
    servers = set(facts.log.states)
    working = {n for n, state in facts.log.states.items() if state is LogServerState.WORKING}
    majority = next((n for n in range(len(servers) + 1) if 2 * n > len(servers)), 0)
    has_quorum = len(working) >= majority
    databases = {each.node for each in facts.masters if each.is_primary or each.could_take_over}
    placements = combinations(working if has_quorum else servers, majority if servers else 0)

    dead_masters = {node} if part is FailingPart.MASTER else set[NodeId]()
    left = working - {node}
    loses_nothing = all(
        left & set(placement) or databases - dead_masters for placement in placements
    )
    can_append = not servers or any(
        len(voters) >= majority for n in range(len(left) + 1) for voters in combinations(left, n)
    )
    accepts = any(
        (each.is_primary and not each.reasons) or (not each.is_primary and each.could_take_over)
        for each in facts.masters
        if each.node not in dead_masters
    )
    return can_append and accepts, loses_nothing


def test_each_forecast_is_what_a_simulation_of_who_is_left_finds() -> None:
    seen = set[tuple[bool, bool]]()
    for facts in every_site():
        for failure in facts.forecast():
            found = (failure.goes_on, failure.loses_nothing)
            assert found == simulate(facts, failure.part, failure.node), (facts, failure)
            seen.add(found)
    assert len(seen) == 3, "a loss without a change of who accepts, or none, was never met"


def test_each_part_that_takes_part_is_forecast_once_and_no_other() -> None:
    for facts in every_site():
        parts = [(failure.part, failure.node) for failure in facts.forecast()]
        masters = [(FailingPart.MASTER, each.node) for each in facts.masters]
        servers = [(FailingPart.LOG_SERVER, node) for node in facts.log.working]
        assert parts == [*masters, *servers]


def test_a_site_without_any_part_that_may_fail_survives_nothing() -> None:
    assert not survives_next([])
    part = NextFailure(FailingPart.MASTER, ALPHA, goes_on=True, loses_nothing=True)
    assert survives_next([part])
